"""`ebgfn.load`: the library's own figures, exact ones where all can be enumerated, and refusals in one sentence."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

import ebgfn
from ebgfn import shipped
from ebgfn.core.schedules import usual_schedule
from ebgfn.core.trajectories import log_ratio
from ebgfn.evaluation import exact
from ebgfn.nets.lattice import LatticeSizes
from ebgfn.nets.mlp import MLPPolicy, MLPSizes
from ebgfn.problems.checkpoint import build
from ebgfn.problems.checkpoint import load as read
from ebgfn.problems.lattice.config import LatticeConfig
from ebgfn.problems.plane.config import Toy2DConfig
from tests import tiny
from tests.examples import energy, policy, randomised

BITS, DIM = 3, 6
SHIPPED = sorted(path.parent.name for path in shipped.folder().glob("*/model.safetensors"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = build(Toy2DConfig(bits=BITS), MLPSizes(hidden=16, depth=2))
    made = dataclasses.replace(made, energy=energy(DIM), policy=policy(DIM))
    made.save(tmp_path_factory.mktemp("model"))
    return tmp_path_factory.getbasetemp() / "model0"


@pytest.fixture
def model(folder):
    return ebgfn.load(folder)


@pytest.fixture
def in_blocks(model):
    """The same with a sampler that fills several entries at once, in blocks of 1, 2 and 3."""
    net = randomised(MLPPolicy(DIM, hidden=16, depth=2, blocks=True))
    net.step_nats.copy_(torch.tensor([0.9, 0.5, 0.5, 0.1, 0.1, 0.1]))
    return dataclasses.replace(model, parts=dataclasses.replace(model.parts, policy=net))


def every(dim=DIM):
    return exact.all_states(dim).byte().numpy()


def block_marginal(net, schedule):
    """log q of all vectors for a sampler in blocks: the mean over all orders."""
    x = exact.all_states(DIM)
    orders = torch.tensor(list(itertools.permutations(range(DIM))))
    repeated, many = x.repeat_interleave(len(orders), 0), orders.repeat(len(x), 1)
    with torch.no_grad():
        log_q = log_ratio(net, repeated, many, schedule=schedule).view(len(x), -1)
    return log_q.double().logsumexp(1) - math.log(len(orders))


def agrees(model, truth):
    """log_prob is right within its own errors, and not by errors that allow everything."""
    found = model.log_prob(every()[::2], trajectories=1000, seed=1)
    z = (found.value - truth.numpy()[::2]) / found.se
    assert abs(z).max() < 5
    assert 0.7 < np.sqrt((z**2).mean()) < 1.4
    assert found.se.max() < 0.1


def test_log_prob_is_the_exact_marginal(model):
    agrees(model, exact.log_marginal(model.parts.policy))


@pytest.mark.slow
def test_log_prob_of_blocks_is_that_of_what_is_sampled(in_blocks, monkeypatch):
    monkeypatch.setattr("ebgfn.core.schedules.USUAL_STEPS", 3)
    net = in_blocks.parts.policy
    schedule = usual_schedule(net, k=DIM)
    assert schedule == (0, 1, 3, 6)
    log_q = block_marginal(net, schedule)
    assert exact.total_variation(log_q, exact.log_marginal(net)) > 0.02
    agrees(in_blocks, log_q)
    follows(in_blocks.sample(20_000, seed=1), log_q)


def follows(x, log_q):
    """The frequencies of rows are these probabilities."""
    n, q = len(x), log_q.exp()
    counts = exact.index_of(torch.from_numpy(x)).bincount(minlength=len(q))
    assert ((counts - n * q).abs() <= 4.5 * (n * q * (1 - q)).sqrt() + 1).all()


def test_log_prob_is_too_low_on_average(model):
    truth = exact.log_marginal(model.parts.policy).numpy()
    gaps = np.stack([model.log_prob(every(), trajectories=2, seed=seed).value - truth for seed in range(40)])
    assert gaps.mean() < -3 * gaps.std() / math.sqrt(gaps.size)


def test_samples_follow_the_sampler(model):
    follows(model.sample(20_000, seed=2), exact.log_marginal(model.parts.policy))


def test_energy_is_the_models(model, folder):
    x = every()
    with torch.no_grad():
        expected = read(folder).energy(torch.from_numpy(x).float()).numpy()
    for rows in (x, x.tolist(), x.astype(bool), x.astype(np.float64), torch.from_numpy(x), torch.from_numpy(x).half()):
        np.testing.assert_array_equal(model.energy(rows), expected)


def conditional(net, given, values):
    """q(all entries | those given) by the policy itself: its marginal once it starts from there."""
    rows, void = exact.all_states(DIM), [i for i in range(DIM) if not given[i]]
    log_q = torch.full((2**DIM,), -torch.inf, dtype=torch.float64)
    orders = list(itertools.permutations(void))
    for number in ((rows[:, given] == values[given]).all(1)).nonzero().flatten():
        x, paths = rows[number : number + 1], []
        for order in orders:
            mask, log_path = given[None].clone(), 0.0
            for i in order:
                logit = net(x, mask).value_logits[0, i]
                log_path += torch.nn.functional.logsigmoid(logit if x[0, i] else -logit).item()
                mask[0, i] = True
            paths.append(log_path)
        log_q[number] = torch.tensor(paths, dtype=torch.float64).logsumexp(0) - math.log(len(orders))
    return log_q


@pytest.mark.parametrize("shape", ["one mask", "a mask a row"])
def test_fill_keeps_what_is_given_and_draws_the_rest(model, shape):
    given, values = torch.tensor([True, False, True, False, False, True]), torch.tensor([1.0, 0, 0, 0, 0, 1])
    n = 8000
    x = np.where(given, values, np.nan)[None].repeat(n, 0)
    mask = given if shape == "one mask" else given[None].repeat(n, 1)
    filled = model.fill(x, mask, seed=3)
    assert (filled.dtype, filled.shape) == (np.uint8, x.shape)
    assert (filled[:, given] == values[given].numpy()).all()
    with torch.no_grad():
        log_q = conditional(model.parts.policy, given, values)
    assert log_q.exp().sum().item() == pytest.approx(1)
    follows(filled, log_q)


def test_fill_with_different_masks(in_blocks):
    x, mask = every(), np.random.default_rng(0).random((2**DIM, DIM)) < 0.5
    mask[0], mask[1] = True, False
    filled = in_blocks.fill(x, mask.astype(int).tolist(), seed=0)
    assert (filled[mask] == x[mask]).all()
    assert (filled[~mask] != x[~mask]).mean() == pytest.approx(0.5, abs=0.15)


def test_fill_from_nothing_is_a_draw(in_blocks):
    follows(
        in_blocks.fill(np.full((20_000, DIM), np.nan), np.zeros(DIM, bool), seed=1),
        exact.log_marginal(in_blocks.parts.policy),
    )


@pytest.mark.parametrize("which", ["model", "in_blocks"])
def test_the_same_seed_gives_the_same(which, request):
    here, x, mask = request.getfixturevalue(which), every(), np.arange(DIM) < 2
    draws = {
        "sample": lambda seed: here.sample(50, seed=seed),
        "fill": lambda seed: here.fill(x, mask, seed=seed),
        "log_prob": lambda seed: here.log_prob(x, trajectories=5, seed=seed).value,
    }
    before = torch.random.get_rng_state()
    for name, drawn in draws.items():
        np.testing.assert_array_equal(drawn(4), drawn(4), err_msg=name)
        assert (drawn(4) != drawn(5)).any(), name
    assert torch.equal(torch.random.get_rng_state(), before), "no global seed is touched"


def test_long_work_is_cut_into_pieces(model, monkeypatch):
    monkeypatch.setattr("ebgfn.front.PIECE", 10)
    monkeypatch.setattr("ebgfn.front.TRAJECTORIES_PIECE", 100)
    monkeypatch.setattr("ebgfn.core.schedules.PIECE", 7)
    x = every()
    with torch.no_grad():
        expected = model.parts.energy(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(model.energy(x), expected, rtol=1e-5, atol=1e-6)
    assert len(model.log_prob(x, trajectories=30).value) == len(x)
    assert model.sample(50).shape == (50, DIM)


def test_models_are_found_by_name_run_and_folder(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("EBGFN_HOME", str(tmp_path))
    monkeypatch.setenv("EBGFN_CHECKPOINTS", str(folder.parent))
    run = tiny.finished_run(tmp_path, "mine", read(folder))
    x, found = every(), [ebgfn.load(w) for w in (folder.name, folder, str(folder), "mine", run.path, run.checkpoint)]
    assert len({model.energy(x).tobytes() for model in found}) == 1
    assert read(str(folder)).dim == DIM, "the modules too can be read by a str"
    with pytest.raises(ValueError, match=f"nowhere is neither .* shipped models are .*{folder.name}.*`ebgfn runs`"):
        ebgfn.load("nowhere")


def test_a_lattice_has_a_coupling(tmp_path, folder):
    sizes = LatticeSizes(hidden=8, depth=1)
    build(LatticeConfig(side=4), sizes).save(tmp_path)
    ones = np.ones((1, 16), np.uint8)
    for asked, sigma in ((None, 0.2), (-0.3, -0.3)):
        model = ebgfn.load(tmp_path, sigma=asked)
        assert model.sigma == sigma
        assert model.energy(ones)[0] == pytest.approx(-sigma * 16 * 4)
        assert model.log_prob(ones).value.shape == (1,)
        assert model.fill(ones, np.arange(16) < 3).shape == (1, 16)
    with pytest.raises(ValueError, match=r"sigma must be a number in -0\.5\.\.0\.5, got 0\.7"):
        ebgfn.load(tmp_path, sigma=0.7)
    with pytest.raises(ValueError, match=r"sigma must not be given: .* is a model of kind toy2d"):
        ebgfn.load(folder, sigma=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models(name):
    model = ebgfn.load(name)
    x = model.sample(2, seed=1)
    mask = np.arange(model.dim) >= 9
    assert (x.shape, x.dtype) == ((2, model.dim), np.uint8)
    assert model.energy(x).shape == (2,)
    value, se = model.log_prob(x[:1], trajectories=2)
    assert value[0] < 0 <= se[0]
    assert (model.fill(x, mask)[:, mask] == x[:, mask]).all()
    assert len(repr(model)) < 100


ROWS = "x must be an array, a tensor or nested lists of equally long rows of 0 and 1"
BAD_ROWS = [
    ([[0, 1]], r"x must be of shape \(n, 6\) with n at least 1, got \(1, 2\)"),
    ([0, 1, 0, 1, 0, 1], r"x must be of shape \(n, 6\) .*, got \(6,\)"),
    (np.zeros((0, 6)), r"got \(0, 6\)"),
    ([[0] * 6, [0] * 5], ROWS),
    ("010101", ROWS),
    (None, ROWS),
    (torch.zeros(1, 6, dtype=torch.bfloat16), ROWS),
    ([[0, 1, 0, 1, 0, 2]], "entries of x must be 0 or 1, got 2"),
    ([[0, 1, 0, 1, 0, -1]], "entries of x must be 0 or 1, got -1"),
    ([[0, 1, 0, 1, 0, 0.5]], r"entries of x must be 0 or 1, got 0\.5"),
    (np.full((1, 6), np.nan), "entries of x must be 0 or 1, got nan"),
]


@pytest.mark.parametrize(("x", "message"), BAD_ROWS)
def test_bad_rows_are_refused(model, x, message):
    for method in (model.energy, model.log_prob, lambda x: model.fill(x, np.ones(DIM, bool))):
        with pytest.raises(ValueError, match=message) as error:
            method(x)
        assert "\n" not in str(error.value)


BAD_CALLS = [
    (lambda m, x: m.fill(x, np.ones(5, bool)), r"mask must be of shape \(6,\) or \(64, 6\), got \(5,\)"),
    (lambda m, x: m.fill(x, np.ones((3, 6))), r"mask must be of shape \(6,\) or \(64, 6\), got \(3, 6\)"),
    (lambda m, x: m.fill(x, np.full(6, 0.5)), r"entries of mask must be 0 or 1, got 0\.5"),
    (lambda m, x: m.fill(x, None), "mask must be an array"),
    (lambda m, x: m.sample(0), r"n must be a whole number in 1\.\.1000000, got 0"),
    (lambda m, x: m.sample(10, seed=-1), r"seed must be a whole number in 0\.\.2147483647, got -1"),
    (lambda m, x: m.log_prob(x, trajectories=1), r"trajectories must be a whole number in 2\.\.10000, got 1"),
    (lambda m, x: m.log_prob(x, seed=True), "seed must be a whole number in .*, got True"),
    (lambda m, x: m.log_prob(x, seed=1.5), r"seed must be a whole number in .*, got 1\.5"),
]


@pytest.mark.parametrize(("call", "message"), BAD_CALLS)
def test_bad_calls_are_refused(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model, every())


def test_nothing_else_is_in_the_package():
    assert ebgfn.load.__module__ == "ebgfn.front"
    with pytest.raises(AttributeError, match="has no attribute 'novelty'"):
        _ = ebgfn.novelty


def test_a_learned_choice_of_locations_fills_in_too(model):
    learned = dataclasses.replace(model, parts=dataclasses.replace(model.parts, policy=policy(DIM, True, True)))
    mask = np.arange(DIM) % 2 == 0
    assert (learned.fill(every(), mask)[:, mask] == every()[:, mask]).all()
