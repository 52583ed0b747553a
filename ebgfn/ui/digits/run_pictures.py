"""A training on images as it goes: what the sampler draws, what it fills in, and its curves; at rest all moments to play."""

import math

import numpy as np
from jaxtyping import UInt8

from ebgfn import shipped
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.images.look import VOID
from ebgfn.runs.folder import RunFolder, Status
from ebgfn.samples import to_npz
from ebgfn.ui.components import line_charts, squares
from ebgfn.ui.components.line_charts import Chart, Line, Marks
from ebgfn.ui.components.squares import FILLED, PIXELS, Moment, Panel, Scene
from ebgfn.ui.digits import IMAGES, image_files
from ebgfn.ui.shell import downloads, history, knobs, models, run_bar, training
from ebgfn.ui.shell.history import Columns, Metrics
from ebgfn.ui.shell.text import clock

MOMENTS, ANSWER_COLUMNS = 24, 3
CURVES = ("elapsed_s", "gfn_bound", "gfn_nll", "mh_acceptance")
# Which of them says how good the sampler is: the bound, or where pixels choose their own places the NLL by one path each.
LIKELIHOODS = {"gfn_bound": "bound on −log q", "gfn_nll": "−log q"}
Frames = list[tuple[Metrics, dict[str, np.ndarray]]]


def scene(run: RunFolder, lines: list[Metrics], *, newest_only: bool) -> Scene | None:
    """The newest pictures, or all moments of the training; None before the first."""
    steps = history.shown_steps(run, lines)
    chosen = steps[-1:] if newest_only else history.spread(steps, MOMENTS)
    frames = list(history.frames(run, lines, chosen))
    if not frames:
        return None
    panels = (_samples(frames), *_answers(frames))
    config, width = run.config, 30 if len(panels) > 1 else 46
    if newest_only:
        line = frames[-1][0]
        return Scene(panels, (_said(line), *_why(config, line["progress"]), *_more(config)), values=PIXELS, width=width)
    moments = tuple(Moment((_said(line), *_more(config)), True) for line, _ in frames)
    return Scene(panels, moments=moments, token=run.id, values=PIXELS, width=width, pace=200)


def _samples(frames: Frames) -> Panel:
    drawn = [arrays["samples"] for _, arrays in frames]
    count, side = len(drawn[0]), round(drawn[0].shape[1] ** 0.5)
    columns = math.ceil(math.sqrt(count))
    alt = f"{count} images of {side} × {side} pixels that the sampler drew."
    return Panel(
        "What the sampler draws",
        "the same noise at each moment",
        np.concatenate(drawn),
        alt,
        count,
        columns,
        role="sampler",
    )


def _answers(frames: Frames) -> list[Panel]:
    """The given half of an image first, then answers; runs of before know none."""
    if not all("answers" in arrays for _, arrays in frames):
        return []
    cells = np.concatenate([_answered(arrays["given"], arrays["answers"]) for _, arrays in frames])
    count = 1 + len(frames[0][1]["answers"])
    alt = f"The left half of an image not used in training, and {count - 1} right halves that the sampler filled in."
    note = "first what is given, then how the model fills it in"
    return [Panel("What it fills in", note, cells, alt, count, ANSWER_COLUMNS, role="sampler")]


def _answered(given: UInt8[np.ndarray, " dim"], answers: UInt8[np.ndarray, "n dim"]) -> UInt8[np.ndarray, "rows dim"]:
    filled = answers + FILLED * (given == VOID).astype(np.uint8)
    return np.concatenate([given[None], filled]).astype(np.uint8)


def _said(line: Metrics) -> str:
    quality = "".join(f", {name} {line[key]:.1f} nats" for key, name in LIKELIHOODS.items() if key in line)
    acceptance = f", {line['mh_acceptance']:.0%} of moves accepted" if "mh_acceptance" in line else ""
    return f"After {line['elapsed_s']:.1f} s, step {line['step']:,}{quality}{acceptance}."


def _why(config: ImagesConfig, progress: float) -> list[str]:
    """Why it looks as it does now."""
    from ebgfn.problems.images.recipes import RECIPES

    if config.preset not in RECIPES:
        return ["The published algorithm takes hours on images: this is how it begins."]
    recipe = RECIPES[config.preset]
    alone = (
        f"Now the sampler learns alone, from data: the energy's turn comes after {recipe.warm_share:.0%} of the time."
    )
    if progress < recipe.warm_share and config.start == "zero":
        return [f"{alone} Until then the energy knows next to nothing, and acceptance says little."]
    if progress < recipe.warm_share:
        return [f"{alone} Until then the energy stays as it was shipped."]
    follows = (
        "The sampler has to follow, so acceptance falls at first." if recipe.joint_rate else "The sampler is kept."
    )
    return [
        f"Now the energy learns to tell data from what the sampler makes of them. {follows} Steps shrink to zero towards "
        "the end, where most is gained."
    ]


def _more(config: ImagesConfig) -> list[str]:
    """What more time gives: the shipped model's figures."""
    card = models.card(shipped.folder() / IMAGES.shipped_name(config))
    if "gfn_bound" not in card or "train_seconds" not in card:
        return []
    cores = f"{card['threads']} core{'s' * (card['threads'] > 1)}" if "threads" in card else "another machine"
    return [
        f"The shipped model was trained for {clock(card['train_seconds'])} on {cores}: its bound is "
        f"{card['gfn_bound']:.1f} nats on the test images."
    ]


def curves(columns: Columns, turned: Marks, *, end_s: float) -> None:
    """How good the sampler is, and how well it knows the energy, over seconds of training."""
    if not columns:
        return
    seconds = columns["elapsed_s"]
    axis = line_charts.of_seconds(end_s, seconds[-1])
    named = [Line(name, seconds, columns[key]) for key, name in LIKELIHOODS.items() if key in columns]
    charts = [Chart("The sampler", "nats per image, for images not used in training; lower is better", named, axis)]
    if "mh_acceptance" in columns:
        line = Line("acceptance", seconds, columns["mh_acceptance"])
        note = "of moves that erase a few pixels and fill them at once"
        charts.append(Chart("How well the sampler knows the energy", note, [line], axis, limits=(0, 1)))
    line_charts.draw(line_charts.marked(charts, turned), key="curves")


def show(run: RunFolder) -> None:
    """The run, looked at again and again while it goes on."""
    knobs.show(run)
    training.watch(run, _look, ticking=training.lively(run.status))


def _look(run: RunFolder, status: Status, *, whole: bool) -> None:
    training.say_refusal()
    run_bar.bar(run, status)
    lines, config, moving = history.lines(run), run.config, status.state in training.ACTIVE
    found = scene(run, lines, newest_only=moving)
    if found is None:
        run_bar.without_pictures(status)
        return
    squares.draw(found, key="training")
    columns = history.columns(lines, CURVES)
    curves(columns, knobs.marks(lines), end_s=config.budget_s if moving and not config.steps else 0.0)
    if not moving:
        _files(run, found, columns)


def _files(run: RunFolder, found: Scene, columns: Columns) -> None:
    panel = found.panels[0]
    last = panel.cells[-panel.count :]
    with downloads.panel("Download this training"):
        downloads.entry("Last samples (PNG)", lambda: image_files.png(last), f"{run.id}.png", key="run_png")
        about = {"model": run.id, "seed": run.config.seed}
        downloads.entry("Last samples (NPZ)", lambda: to_npz(last, about=about), f"{run.id}.npz", key="run_npz")
        downloads.training_entries(run, columns)
