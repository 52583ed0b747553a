"""Every command with good and with bad input; as a process of its own what depends on being one."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import ebgfn
from ebgfn.arguments import parse
from ebgfn.cli import main
from ebgfn.evaluation.log_z import Budget
from ebgfn.nets.mlp import MLPSizes
from ebgfn.problems.checkpoint import build, load
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.plane.densities import density
from ebgfn.problems.table import report
from ebgfn.runs.folder import RunFolder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


class Told(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs commands with a home of their own: in this process, or in one of their own where that makes a difference."""

    home: Path

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        environment = os.environ | {"EBGFN_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "error", "-m", "ebgfn", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)

    def process(self, *arguments: object) -> Told:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=90)
        return Told(process.returncode, out, err)

    def here(self, *arguments: object) -> Told:
        out, err = io.StringIO(), io.StringIO()
        signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
                patch.setenv("EBGFN_HOME", str(self.home))
                code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        finally:
            for number, handler in signals.items():
                signal.signal(number, handler)
        return Told(code, out.getvalue(), err.getvalue())

    def __call__(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        told = self.here(*arguments)
        assert told.code == code, told.err
        assert "Traceback" not in told.err
        return told.out, told.err

    def json(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """The one JSON object on stdout."""
        return json.loads(self(*arguments, "--json", code=code)[0])

    def refused(self, *arguments: object) -> str:
        """The one line on stderr."""
        return one_line(self.here(*arguments))


def one_line(told: Told) -> str:
    assert (told.code, told.out) == (2, "")
    assert told.err.count("\n") == 1
    assert told.err.startswith("ebgfn: ")
    return told.err


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def trained(shell: Shell) -> dict[str, Any]:
    return shell.json("train", "toy2d", "--dataset", "moons", "--bits", 4, "--steps", 5, "--seed", 3)


def test_train(shell, trained):
    run = RunFolder(Path(trained["run"]))
    assert run.path.parent == shell.home / "runs"
    assert (trained["state"], trained["step"], trained["progress"]) == ("done", 5, 1.0)
    assert trained["elapsed_s"] == run.metrics[-1]["elapsed_s"] > 0
    assert trained["metrics"].items() <= run.metrics[-1].items()
    assert "gfn_nll" in trained["metrics"]
    assert run.config == Toy2DConfig(dataset="moons", bits=4, steps=5, seed=3) == load(run.checkpoint).config


def test_evaluate(shell, trained):
    figures = shell.json("evaluate", trained["run"], "--points", 50, "--seed", 1)
    assert {"kind", "dataset", "seed", "gfn_nll", "gfn_nll_se", "log_z", "ess", "mmd"} <= set(figures)
    assert ("ebm_nll" in figures) != figures["refuted"]
    assert figures["train_seconds"] == trained["elapsed_s"]
    assert figures["dataset"] == "moons"
    assert None not in figures.values()
    assert "entropy_floor" not in figures


def test_sample(shell, trained, tmp_path):
    out, err = shell("sample", trained["id"], "-n", 300, "--seed", 5, "--out", tmp_path / "s.npz")
    assert out.strip() == str(tmp_path / "s.npz")
    assert "100%" in err
    assert "left" in err
    with np.load(tmp_path / "s.npz") as arrays:
        x, xy = arrays["x"], arrays["xy"]
    assert (x.shape, x.dtype, xy.shape, xy.dtype) == ((300, 8), np.uint8, (300, 2), np.float32)
    assert (xy == density("moons").grid(4).decode(x)).all()
    assert 0 < x.mean() < 1


def test_chain(shell, trained, tmp_path):
    file = tmp_path / "c.npz"
    told = shell.json("chain", trained["run"], "--k", 2, "--steps", 120, "--chains", 7, "--out", file)
    with np.load(file) as arrays:
        x, accept = arrays["x"], arrays["accepted"]
    assert (x.shape, x.dtype, accept.shape, accept.dtype) == ((121, 7, 8), np.uint8, (120, 7), np.bool_)
    moved = (x[1:] != x[:-1]).any(2)
    assert not moved[~accept].any()
    assert moved[accept].any()
    assert ((x[1:] != x[:-1]).sum(2) <= 2).all()
    assert told["acceptance"] == pytest.approx(accept.mean())


def test_runs(shell, trained):
    (shell.home / "runs" / "broken").mkdir()
    listed = {run["id"]: run for run in shell.json("runs")["runs"]}
    assert listed[trained["id"]]["state"] == "done"
    assert listed[trained["id"]]["config"]["dataset"] == "moons"
    assert listed["broken"]["state"] == "damaged"
    assert trained["id"] in shell("runs")[0]
    assert "is already done" in shell.refused("cancel", trained["id"])
    assert "is already done" in shell.refused("resume", trained["run"])
    assert "status.json" in shell.refused("resume", shell.home / "runs" / "broken")


def test_as_a_process(shell, trained):
    """Nothing but the object on stdout, nothing that warns; a refusal in one line before anything heavy is imported.

    Of a training: below, of one that is interrupted.
    """
    told = shell.process("runs", "--json")
    assert (told.code, told.err) == (0, "")
    assert trained["id"] in [run["id"] for run in json.loads(told.out)["runs"]]
    assert "bits must be a whole number" in one_line(shell.process("train", "toy2d", "--bits", 17))


def wait_for_events(process: subprocess.Popen[str], run: RunFolder, number: int) -> None:
    deadline = time.monotonic() + 60
    while not (run.path / "metrics.jsonl").exists() or len(run.metrics) < number or not run.has_checkpoint:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_interrupted_diverged(shell, tmp_path):
    run = RunFolder(tmp_path / "run")
    with shell.start("train", "toy2d", "--bits", 3, "--steps", 1_000_000, "--run", run.path) as process:
        wait_for_events(process, run, 2)
        process.kill()
        process.communicate()
    before = run.metrics
    with shell.start("resume", run.path, "--json") as process:
        wait_for_events(process, run, 1)
        while run.metrics[-1] in before:
            time.sleep(0.05)
        assert "already training" in shell.refused("resume", run.path)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    told = json.loads(out)
    assert (process.returncode, told["state"], told["error"]) == (130, "cancelled", "it was interrupted")
    assert "goes on with it" in err
    assert "Traceback" not in err
    steps = [line["step"] for line in run.metrics]
    assert steps == sorted(set(steps))
    assert run.metrics[0] == before[0]

    spoil(run)
    told = shell.json("resume", run.path, code=2)
    assert told["state"] == "failed"
    assert f"step {told['step']}" in told["error"]
    assert "nan" in told["error"]
    assert load(run.checkpoint).config.bits == 3


def spoil(run: RunFolder) -> None:
    """Put a number that is none into the energy's weights, as if training had gone wrong there."""
    saved = torch.load(run.checkpoint / "trainer.pt", weights_only=True)
    saved["state"]["trainer"]["energy"]["module"]["net.last.bias"].fill_(float("nan"))
    torch.save(saved, run.checkpoint / "trainer.pt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train toy2d --dataset nope", "dataset must be one of 2spirals, 8gaussians"),
        ("train toy2d --preset slow", "preset must be one of fast, paper"),
        ("train toy2d --budget-s -3", "budget_s must be a number in 1..604800, got -3"),
        ("train toy2d --budget-s nan", "budget_s must be a number in 1..604800"),
        ("train toy2d --bits 17", "bits must be a whole number in 3..16, got 17"),
        ("train toy2d --bits three", "bits must be a whole number in 3..16, got 'three'"),
        ("train toy2d --steps 0", "steps must be a whole number in 1..1e+07, got 0"),
        ("train toy2d --seed -1", "seed must be a whole number in 0.."),
        ("train toy2d --bogus 1", "unrecognized arguments: --bogus"),
        ("train toy2d --run FILE/run", "cannot write to"),
        ("train toy2d --run FULL", "must be a new or an empty folder"),
        ("train images --device tpu", "device must be one of auto, cpu, cuda, got 'tpu'"),
        ("resume nowhere --device gpu", "device must be one of auto, cpu, cuda, got 'gpu'"),
        ("train images --preset big", "preset must be one of fast, small, mlp, digits, paper, basic; got 'big'"),
        ("train mnist", "invalid choice: 'mnist' (choose from 'toy2d', 'ising', 'images', 'lattice', 'table')"),
        ("train", "required: KIND"),
        ("", "required: COMMAND"),
        ("fly", "invalid choice: 'fly'"),
        ("evaluate nowhere", "nowhere is neither a run folder nor a checkpoint folder"),
        ("evaluate nowhere --points 1", "points must be a whole number in 2..100000, got '1'"),
        ("sample nowhere -n 0 --out FILE", "n must be a whole number in 1..1000000, got '0'"),
        ("sample nowhere", "required: --out"),
        ("sample MODEL --out FILE/s.npz", "--out must name a file in a folder that exists"),
        ("chain nowhere --steps -1 --out FILE", "steps must be a whole number in 1..1000000, got '-1'"),
        ("cancel nowhere", "there is no run 'nowhere'"),
        ("resume FULL", "is not a readable run: status.json"),
    ],
)
def test_refused_at_once(shell, tmp_path, arguments, message):
    build(Toy2DConfig(bits=3), MLPSizes(hidden=2, depth=1)).save(tmp_path / "full")
    (tmp_path / "file").write_text("")
    places = {"FILE": str(tmp_path / "file"), "FULL": str(tmp_path / "full"), "MODEL": str(tmp_path / "full")}
    for word, place in places.items():
        arguments = arguments.replace(word, place)
    assert message in shell.refused(*arguments.split())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "k must be a whole number in 1..6, got 7"),
        (b"no weights", "not a readable checkpoint"),
        ("other shape", "weights of another shape than config.json describes"),
    ],
)
def test_refused_models(shell, tmp_path, change, message):
    build(Toy2DConfig(bits=3), MLPSizes(hidden=2, depth=1)).save(tmp_path)
    if change == "other shape":
        config = (tmp_path / "config.json").read_text()
        (tmp_path / "config.json").write_text(config.replace('"bits": 3', '"bits": 4'))
    elif change is not None:
        (tmp_path / "model.safetensors").write_bytes(change)
    assert message in shell.refused("chain", tmp_path, "--k", 7, "--out", tmp_path / "c.npz")
    assert not (tmp_path / "c.npz").exists()


def test_images_that_cannot_be_had_are_one_sentence(shell, tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"another file")
    monkeypatch.setenv("EBGFN_DATA_DIR", str(tmp_path))
    assert "is damaged or another file" in shell.refused("train", "images", "--run", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_version(shell):
    assert shell("--version")[0] == f"ebgfn {ebgfn.__version__}\n"


def test_app_hands_its_options_to_streamlit(shell):
    options = ["--server.headless", "true", "--server.port=8502"]
    assert parse(["app", *options]).streamlit == options
    assert "further options are Streamlit's" in " ".join(shell("app", "--help")[0].split())
    assert "No such option" in shell("app", "--bogus", "1", code=2)[1]


def test_help_names_the_limits(shell):
    out, _ = shell("train", "toy2d", "--help")
    assert "3..16" in out
    assert "checkerboard" in out
    assert "--budget-s" in out
    assert "reproducible" in out


@pytest.fixture(scope="module")
def ising_run(shell: Shell) -> dict[str, Any]:
    return shell.json("train", "ising", "--side", 4, "--sigma", 0.15, "--samples", 500, "--steps", 30, "--seed", 3)


@pytest.fixture(scope="module")
def lattice_run(shell: Shell) -> dict[str, Any]:
    return shell.json("train", "lattice", "--side", 4, "--steps", 20)


def test_couplings_from_training_to_chain(shell, ising_run, tmp_path):
    assert {"neg_log_rmse", "pairs", "mh_acceptance", "ess", "log_z"} <= set(ising_run["metrics"])
    figures = shell.json("evaluate", ising_run["id"], "--points", 200)
    scores = {f"neg_log_rmse{peer}" for peer in ("", "_l1_pl", "_oracle", "_zero")}
    assert scores | {"log_z", "log_z_true_couplings", "ess", "side", "sigma", "couplings"} <= set(figures)
    assert None not in figures.values()
    assert figures["neg_log_rmse_oracle"] > figures["neg_log_rmse_zero"]
    shell("sample", ising_run["id"], "-n", 20, "--out", tmp_path / "s.npz")
    shell("chain", ising_run["id"], "--k", 4, "--steps", 5, "--chains", 3, "--out", tmp_path / "c.npz")
    with np.load(tmp_path / "s.npz") as sampled, np.load(tmp_path / "c.npz") as chained:
        assert sampled.files == ["x", "about"]
        assert (sampled["x"].shape, chained["x"].shape) == ((20, 16), (6, 3, 16))


def test_one_sampler_for_every_sigma(shell, lattice_run, tmp_path):
    figures = shell.json("evaluate", lattice_run["id"], "--points", 50)
    assert {"log_z_error", "log_z_is_error", "energy_z", "magnetisation_z", "correlation_z", "ess"} <= set(figures)
    drawn = {}
    for sigma in (-0.5, 0.0, 0.5):
        shell("sample", lattice_run["id"], "-n", 100, "--sigma", sigma, "--out", tmp_path / "s.npz")
        with np.load(tmp_path / "s.npz") as arrays:
            spins = 2.0 * arrays["x"].reshape(-1, 4, 4) - 1
        drawn[sigma] = (spins * np.roll(spins, 1, 1)).mean()
    assert drawn[-0.5] < -0.5 < drawn[0.0] < 0.5 < drawn[0.5]
    told = shell.json(
        "chain", lattice_run["id"], "--sigma", -0.3, "--steps", 2, "--chains", 3, "--out", tmp_path / "c.npz"
    )
    assert told["k"] == 8
    assert shell.json("evaluate", lattice_run["id"], "--points", 2)["energy_z"] >= 0  # where nothing scatters, too
    message = shell.refused("sample", lattice_run["id"], "--sigma", 0.6, "--out", tmp_path / "s.npz")
    assert "sigma must be a number in -0.5..0.5, got 0.6" in message


def test_a_file_of_samples(shell, ising_run, tmp_path):
    x = RunFolder(Path(ising_run["run"])).config.data()
    np.savetxt(tmp_path / "mine.csv", x, delimiter=",", fmt="%d")
    told = shell.json("train", "ising", "--path", tmp_path / "mine.csv", "--side", 4, "--steps", 3)
    assert "neg_log_rmse" not in told["metrics"]
    assert load(RunFolder(Path(told["run"])).checkpoint).energy.couplings().shape == (16, 16)
    x[:, 4] = 1
    np.savetxt(tmp_path / "mine.csv", x, delimiter=",", fmt="%d")
    assert "column 5 is constant" in shell.refused("train", "ising", "--path", tmp_path / "mine.csv", "--steps", 3)


@pytest.mark.parametrize("method", ["pcd-gibbs", "pcd-gwg", "pseudo-likelihood"])
def test_an_energy_without_a_sampler(shell, method, tmp_path):
    run = shell.json("train", "ising", "--side", 4, "--samples", 300, "--method", method, "--steps", 40)
    assert run["metrics"]["neg_log_rmse"] > 0
    figures = shell.json("evaluate", run["id"], "--points", 100)
    assert {"neg_log_rmse", "neg_log_rmse_zero", "pairs"} <= set(figures)
    assert not {"log_z", "ess", "mh_acceptance"} & set(figures)
    assert "has no sampler" in shell.refused("sample", run["id"], "--out", tmp_path / "s.npz")
    asked = ("chain", run["id"], "--steps", 6, "--chains", 5, "--out", tmp_path / "c.npz")
    assert shell.json(*asked)["acceptance"] == 1.0  # Gibbs
    assert "need a sampler" in shell.refused(*asked, "--kernel", "back-and-forth")
    shell(*asked, "--kernel", "gwg")
    with np.load(tmp_path / "c.npz") as arrays:
        assert arrays["x"].shape == (7, 5, 16)
        assert arrays["accepted"].shape == arrays["log_alpha"].shape == (6, 5)


@pytest.mark.parametrize("kernel", ["gibbs", "gwg", "dmala", "back-and-forth"])
def test_chains_by_any_kernel(shell, trained, kernel, tmp_path):
    shell("chain", trained["id"], "--steps", 2, "--chains", 4, "--kernel", kernel, "--out", tmp_path / "c.npz")
    with np.load(tmp_path / "c.npz") as arrays:
        assert arrays["x"].shape == (3, 4, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train ising --method pcd-gwg --preset paper", "preset and start must not be given with method pcd-gwg"),
        (
            "train ising --method magic",
            "method must be one of ebgfn, pcd-gibbs, pcd-gwg, pseudo-likelihood; got 'magic'",
        ),
        ("train ising --method pcd-gibbs --estimate sparse", "estimate must not be given with pcd-gibbs"),
        ("chain toy2d-moons --kernel gibbs --k 3 --out c.npz", "k must not be given with kernel gibbs"),
        ("chain toy2d-moons --kernel magic --out c.npz", "kernel must be one of gibbs, gwg, dmala, back-and-forth"),
        ("sample toy2d-moons --sigma 0.1 --out s.npz", "sigma must not be given"),
        ("train ising --side 2", "side must be a whole number in 3..16, got 2"),
        ("train ising --sigma 0.7", "sigma must be a number in -0.6..0.6, got 0.7"),
        ("train ising --samples 49", "samples must be a whole number in 50..20000, got 49"),
        ("train ising --couplings same", "couplings must be one of free, homogeneous; got 'same'"),
        ("train ising --path my.csv --sigma 0.1", "must not be given with a path"),
        ("train ising --path nowhere.csv", "nowhere.csv: No such file"),
        ("train lattice --side 17", "side must be a whole number in 3..16, got 17"),
        ("reproduce nothing", "invalid choice: 'nothing' (choose from 'toy2d', 'ising', 'images', 'tables')"),
        ("reproduce tables --sets iris nowhere", "argument --sets: invalid choice: 'nowhere'"),
        ("reproduce images --seeds 0", "seeds must be a whole number in 1..20, got '0'"),
        ("reproduce ising --budget-s 0", "budget_s must be a number in 1..86400, got '0'"),
    ],
)
def test_lattices_refuse_at_once(shell, arguments, message):
    assert message in shell.refused(*arguments.split())


def test_tables(shell, tmp_path, monkeypatch):
    """Trained, drawn from, filled and scored: files with the same columns go in and come out."""
    few = Budget(draws=50, others=50, chains=8, moves=5, annealed=20, temperatures=5, steps=4)
    for name in ("BUDGET", "LESS"):
        monkeypatch.setattr(report, name, few)
    path, holes = tmp_path / "t.csv", tmp_path / "holes.csv"
    path.write_text("a,b,c\n" + "".join(f"{n % 2},{'xyz'[n % 3]},{n % 7}\n" for n in range(300)))
    holes.write_text("c,b,a\n3,,1\n,x,0\n5,y,1\n")
    run = shell.json("train", "table", "--path", path, "--steps", 3)
    assert shell.json("sample", run["id"], "-n", 20, "--out", tmp_path / "s.csv")["n"] == 20
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert (lines[0], len(lines)) == ("a,b,c", 21)
    told = shell.json("fill", run["id"], "--path", holes, "--out", tmp_path / "f.csv", "--cells", tmp_path / "c.csv")
    assert (told["rows"], told["cells"]) == (3, 2)
    full = (tmp_path / "f.csv").read_text().splitlines()
    assert full[0] == "c,b,a"
    assert full[3] == "5,y,1"
    assert all("" not in line.split(",") for line in full)
    assert (tmp_path / "c.csv").read_text().splitlines()[0] == "row,column,value,share"
    shell("score", run["id"], "--path", holes, "--out", tmp_path / "q.csv")
    assert len((tmp_path / "q.csv").read_text().splitlines()) == len(Path(holes).read_text().splitlines())
    assert "this needs one of a table" in shell.refused(
        "fill", "toy2d-moons", "--path", holes, "--out", tmp_path / "q.csv"
    )
    assert "No such file" in shell.refused("fill", run["id"], "--path", "nowhere.csv", "--out", tmp_path / "q.csv")
    told = shell.json("score", run["id"], "--path", tmp_path / "f.csv", "--out", tmp_path / "q.csv")
    head, first, *_ = (tmp_path / "q.csv").read_text().splitlines()
    assert head.startswith("row,log_p_sampler,log_p_sampler_se")
    assert told["rows"] == 3
    assert first.startswith("1,-")
