"""One contract for every kernel: it leaves exp(-E) / Z invariant, and says truly what it did."""

from pathlib import Path

import pytest
import torch

from ebgfn import mcmc
from ebgfn.evaluation import exact
from ebgfn.mcmc import DMALA, KERNELS, BackAndForth, Chain, Gibbs, GibbsWithGradients, Kernel, run_chain
from ebgfn.mcmc.gibbs_with_gradients import log_flip
from tests.examples import CHOICES, FunctionEnergy, PolynomialEnergy, energy, matrix, policy

DIM = 3
ENERGIES = {"polynomial": PolynomialEnergy(DIM), "mlp": energy(DIM)}


def kernels(target):
    for entry in KERNELS.values():
        if entry.exact:
            yield entry.make(target, policy(DIM))
    yield Gibbs(target, sites=2)
    yield GibbsWithGradients(target)
    yield DMALA(target, step_size=0.3)
    yield DMALA(target, step_size=2.0)
    for location, erasure in CHOICES:
        for k in (1, 2, 3):
            yield BackAndForth(target, policy(DIM, location, erasure), k)


def name(kernel) -> str:
    parts = [type(kernel).__name__]
    if isinstance(kernel, BackAndForth):
        parts += [f"k{kernel.k}", *(["location"] * kernel.policy.learned_location)]
        parts += ["erasure"] * kernel.policy.learned_erasure
    if isinstance(kernel, DMALA):
        parts += [str(kernel.step_size)]
    return "-".join([*parts, str(kernel.sites)] if isinstance(kernel, Gibbs) else parts)


CASES = [pytest.param(kernel, id=f"{key}-{name(kernel)}") for key, e in ENERGIES.items() for kernel in kernels(e)]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", CASES)
def test_detailed_balance(kernel, generator):
    copies = 4000
    log_p, _ = exact.log_p(kernel.energy, DIM)
    x = exact.all_states(DIM).repeat(copies, 1)
    _, info = kernel.step(kernel.init(x), generator)
    # The chance of acceptance in place of the outcome: same mean, less noise.
    alpha = info.log_alpha.clamp(max=0).exp()
    first, second = (matrix(x, info.proposal, alpha**power) / copies for power in (1, 2))
    p = log_p.exp()[:, None]
    flow, variance = p * first, p**2 * (second - first**2) / copies
    off = ~torch.eye(2**DIM, dtype=torch.bool)
    z = ((flow - flow.T) / (variance + variance.T).clamp(min=1e-12).sqrt())[off]
    # 28 pairs in 34 cases: a standard normal exceeds 4.5 once in 150,000 draws.
    assert z.abs().max() < 4.5
    reached = torch.linalg.matrix_power(first + torch.eye(2**DIM), 2**DIM)
    assert (reached > 0).all(), "some state cannot be reached from another"


@pytest.mark.slow
@pytest.mark.parametrize("kernel", CASES)
def test_stays_in_equilibrium(kernel, generator):
    n = 10000
    log_p, _ = exact.log_p(kernel.energy, DIM)
    start = torch.multinomial(log_p.exp(), n, replacement=True, generator=generator)
    state = kernel.init(exact.all_states(DIM)[start])
    for _ in range(3):
        state, _ = kernel.step(state, generator)
    counts = exact.index_of(state.x).bincount(minlength=2**DIM)
    expected = n * log_p.exp()
    # Chi-square with 7 degrees of freedom: 29.9 is exceeded once in 10,000.
    assert ((counts - expected) ** 2 / expected).sum() < 29.9


@pytest.mark.parametrize("kernel", CASES)
def test_state_and_info_are_consistent(kernel, generator):
    x = exact.all_states(DIM)
    state = kernel.init(x)
    after, info = kernel.step(state, generator)
    assert torch.equal(after.x, torch.where(info.accepted[:, None], info.proposal, x))
    torch.testing.assert_close(after.energy, kernel.energy(after.x).detach())
    assert torch.equal(info.proposal[~info.voided], x[~info.voided])
    assert torch.equal(x, exact.all_states(DIM)), "the start was overwritten"
    if after.gradient is not None:
        torch.testing.assert_close(after.gradient, kernel.init(after.x).gradient)


@pytest.mark.parametrize("kernel", CASES)
def test_passes_are_counted(kernel, generator):
    calls = []
    handle = kernel.energy.register_forward_hook(lambda *_: calls.append(1))
    try:
        state = kernel.init(torch.zeros(4, DIM))
        calls.clear()
        after, _ = kernel.step(state, generator)
    finally:
        handle.remove()
    if isinstance(kernel, BackAndForth):  # one pass of the energy, all others are the policy's
        assert len(calls) == 1 < kernel.network_passes
    else:  # a gradient counts as two more
        assert len(calls) * (1 if after.gradient is None else 3) == kernel.network_passes


@pytest.mark.parametrize("kernel", CASES)
def test_chain_is_reproducible_and_connected(kernel):
    x = torch.zeros(5, DIM)
    chains = [run_chain(kernel, x, steps=4, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(chains[0].x, chains[1].x)
    chain = chains[0]
    assert isinstance(chain, Chain)
    assert chain.x.shape == (5, 5, DIM)
    assert chain.x.dtype == torch.uint8
    assert chain.accepted.shape == chain.log_alpha.shape == (4, 5)
    assert torch.equal(chain.x[1:], torch.where(chain.accepted[:, :, None], chain.proposal, chain.x[:-1]))


@pytest.mark.parametrize("kernel", CASES)
@pytest.mark.parametrize("bad", [torch.zeros(2, 4), torch.full((2, 3), 0.5), torch.tensor([[0.0, 1.0, torch.nan]])])
def test_bad_starts_are_refused(kernel, bad):
    with pytest.raises(ValueError, match="rows of 3 entries, each 0 or 1"):
        kernel.init(bad)


def test_every_kernel_is_in_the_registry():
    files = {path.stem for path in Path(mcmc.__file__).parent.glob("*.py")} - {"__init__", "chain"}
    modules = {
        type(entry.make(ENERGIES["mlp"], policy(DIM))).__module__.rpartition(".")[2] for entry in KERNELS.values()
    }
    assert modules == files
    assert len({entry.label for entry in KERNELS.values()}) == len(KERNELS)
    for entry in KERNELS.values():
        if entry.uses_sampler:
            with pytest.raises(ValueError, match="need a sampler"):
                entry.make(ENERGIES["mlp"], None)
        else:
            assert isinstance(entry.make(ENERGIES["mlp"], None), Kernel)


def test_bad_settings_are_refused(generator):
    target = ENERGIES["mlp"]
    with pytest.raises(ValueError, match=r"sites must be in 1\.\.3, got 4"):
        Gibbs(target, sites=4)
    with pytest.raises(ValueError, match="step_size must be a positive number, got 0"):
        DMALA(target, step_size=0.0)
    with pytest.raises(ValueError, match="step_size"):
        DMALA(target, step_size=float("nan"))
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        run_chain(Gibbs(target), torch.zeros(1, DIM), steps=0, generator=generator)


def test_a_flip_probability_of_gibbs_is_the_conditional(generator):
    # E = 2 x: the entry is 1 with probability sigmoid(-2), whatever it was.
    kernel, n = Gibbs(FunctionEnergy(1, lambda x: 2 * x[:, 0])), 40000
    state, _ = kernel.step(kernel.init(torch.ones(n, 1)), generator)
    p = torch.sigmoid(torch.tensor(-2.0)).item()
    assert abs(state.x.mean().item() - p) < 4.5 * (p * (1 - p) / n) ** 0.5


def test_informed_proposals_prefer_flips_that_lower_the_energy():
    # E = 2 x_0 - 2 x_1: from ones the first flip gains 2 nats, the second loses 2, the third changes nothing.
    target = FunctionEnergy(3, lambda x: 2 * x[:, 0] - 2 * x[:, 1] + 0 * x[:, 2])
    state = GibbsWithGradients(target).init(torch.ones(1, 3))
    torch.testing.assert_close(log_flip(state), torch.tensor([[1.0, -1.0, 0.0]]).log_softmax(1))
    torch.testing.assert_close(DMALA(target, step_size=0.5).flip_logits(state), torch.tensor([[0.0, -2.0, -1.0]]))
