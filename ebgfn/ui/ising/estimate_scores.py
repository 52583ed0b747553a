"""How good recovered couplings are beside other estimates from the same samples: a table, and curves over training."""

import math

import streamlit as st

from ebgfn.problems.ising.config import IsingConfig
from ebgfn.ui.components import line_charts
from ebgfn.ui.components._shared.colours import Role
from ebgfn.ui.components.line_charts import Axis, Chart, Dash, Line
from ebgfn.ui.shell.frame import TEXT_WIDTH
from ebgfn.ui.shell.history import Columns
from ebgfn.ui.shell.text import minus

OURS, ZERO = "neg_log_rmse", "neg_log_rmse_zero"
OTHERS = {
    "neg_log_rmse_l1_pl": "L1 pseudo-likelihood",
    "neg_log_rmse_pl_refit": "our penalty and refit without a sampler",
    "neg_log_rmse_pl_pooled": "our penalty and pooling without a sampler",
    "neg_log_rmse_oracle": "pseudo-likelihood, support known",
    ZERO: "no couplings, J = 0",
}
# By `config.trainer`.
TRAINERS = {
    "fast": "EB-GFN",
    "paper": "EB-GFN as published",
    "basic": "EB-GFN, basic version",
    "pcd-gibbs": "PCD, Gibbs",
    "pcd-gwg": "PCD, Gibbs-with-Gradients",
    "pseudo-likelihood": "pseudo-likelihood, trained",
}
# Drawn as level lines. Who knows which pairs are coupled has it from the truth.
LEVELS: dict[str, Role] = {
    "neg_log_rmse_l1_pl": "peer1",
    "neg_log_rmse_pl_refit": "peer2",
    "neg_log_rmse_pl_pooled": "peer3",
    "neg_log_rmse_oracle": "data",
}
FIGURES = ("elapsed_s", OURS, "pairs", "mean_coupling", "mh_acceptance", "ess", "log_z")
HELP = """The **score** is −log RMSE (root mean square error) over all entries of the matrix, natural logarithm: one more
means an error smaller by a factor of e. *L1 pseudo-likelihood* predicts each spin from all others, with a penalty chosen on
held-out data, then refits what it found. *Without a sampler* is the same penalty and refit by pseudo-likelihood alone: what
training a GFlowNet has to beat. *Support known* is told which pairs are coupled. *J = 0* is where training begins."""
POOLING = """**Pooled** estimates assume that the couplings they find come from one bell curve, and learn its centre and
width. Here that is true (all are equal), and worth more than knowing which pairs are coupled; where couplings differ it
changes little."""
SHARING = """All rows but the last are told that the lattice looks the same everywhere: pairs equally far apart in the same
direction share one coupling."""


def title(config: IsingConfig) -> str:
    """How an estimate is called that was trained so."""
    if config.trainer != "fast":
        return TRAINERS[config.trainer]
    return f"{TRAINERS['fast']}, {'homogeneous' if config.couplings == 'homogeneous' else config.estimate}"


def table(scores: dict[str, float], config: IsingConfig, *, waiting: bool = False) -> None:
    """Score and typical error of every estimate known, the best one marked, whoever it is."""
    known = {name: scores[name] for name in (OURS, *OTHERS) if name in scores}
    if OURS not in known:
        return
    best = max(known, key=known.__getitem__)
    titles = {OURS: title(config), **OTHERS}
    homogeneous = config.couplings == "homogeneous"
    lines = ["| estimate | score, −log RMSE | typical error |", "|:---|---:|---:|"]
    for name, score in sorted(known.items(), key=lambda entry: -entry[1]):
        cells = [titles[name], in_words(score), f"{math.exp(-score):.5f}"]
        lines.append("| " + " | ".join(f"**{cell}**" if name == best else cell for cell in cells) + " |")
    st.markdown("\n".join(lines), width="content")
    if waiting:
        st.caption("The other estimates are being fitted to the same samples.")
    told = POOLING if not homogeneous and config.estimate == "pooled" else SHARING if homogeneous else ""
    if told:
        st.markdown(told, width=TEXT_WIDTH)
    with st.expander("What is compared here", icon=":material/help:"):
        st.markdown(HELP)


def in_words(score: float) -> str:
    """A score with three digits."""
    return "exact" if math.isinf(score) else minus(f"{score:.3f}")


def draw(columns: Columns, others: dict[str, float], *, ours: str, pairs: int | None, end_s: float, key: str) -> None:
    """Curves over training of `ours`; `others` are scores to stand as level lines, `pairs` the true number of pairs."""
    axis = line_charts.of_seconds(end_s, columns["elapsed_s"][-1])

    def line(name: str, label: str, role: Role, dash: Dash = "solid") -> Line:
        return Line(label, columns["elapsed_s"], columns[name], role=role, dash=dash)

    charts = [_scores(line(OURS, ours, "energy"), others, axis)] if OURS in columns else []
    true = [] if pairs is None else [_level(pairs, "true", "data", axis)]
    found = [line("pairs", "found", "energy"), *true]
    charts.append(Chart("Coupled pairs", "couplings that are not zero", found, axis, digits=0))
    if "ess" in columns:
        match = [
            line("mh_acceptance", "acceptance", "sampler"),
            line("ess", "effective sample size", "sampler", "dash"),
        ]
        about = "How well the sampler knows the energy", "both reach 1 if it does"
        charts.append(Chart(*about, match, axis, limits=(0, 1)))
    line_charts.draw(charts, key=key)


def _scores(ours: Line, others: dict[str, float], axis: Axis) -> Chart:
    levels = [_level(others[name], OTHERS[name], role, axis) for name, role in LEVELS.items() if name in others]
    zero = f"; J = 0 has {in_words(others[ZERO])}" if ZERO in others else ""
    return Chart("Score", f"−log RMSE, higher is better{zero}", [ours, *levels], axis, digits=3)


def _level(value: float, label: str, role: Role, axis: Axis) -> Line:
    return Line(label, [axis.low, axis.high], [value, value], role=role, dash="dot")
