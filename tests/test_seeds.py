"""One seed, many uses: none sees the random numbers of another."""

import itertools

import numpy as np
import torch

from ebgfn import seeds
from ebgfn.problems.images.config import ImagesConfig
from ebgfn.problems.ising.config import IsingConfig
from ebgfn.problems.plane.config import Toy2DConfig
from ebgfn.problems.training import start


def test_uses_and_places_of_one_seed_share_nothing():
    places = [("weights",), ("training", 0, 0), ("training", 1, 0), ("training", 0, 1)]
    places += [("data",), ("data", 0, 0), ("data", 1, 0), ("data", 0, 1), ("evaluation",)]
    drawn = [seeds.rng(3, *place).integers(0, 2**62, 50) for place in places]
    # What the data set of a seed and an evaluation by it are drawn with.
    drawn += [np.random.default_rng(s).integers(0, 2**62, 50) for s in (3, [3, 1])]
    for one, other in itertools.combinations(drawn, 2):
        assert not np.isin(one, other).any()
    assert len({seeds.number(s, *place) for s in (3, 4) for place in places}) == 2 * len(places)
    assert torch.equal(
        torch.rand(5, generator=seeds.generator(3, "data", 1)), torch.rand(5, generator=seeds.generator(3, "data", 1))
    )


def test_training_does_not_draw_from_what_made_the_weights():
    state = start(Toy2DConfig(bits=4, seed=5))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        same = torch.rand(100)
    assert not torch.isin(torch.rand(100, generator=state.generator), same).any()
    again = start(Toy2DConfig(bits=4, seed=5))
    assert all(torch.equal(a, b) for a, b in zip(*(s.model().tensors().values() for s in (state, again)), strict=True))


def test_every_source_goes_on_where_it_was():
    for config in (Toy2DConfig(bits=4, seed=2), IsingConfig(side=3, seed=2), ImagesConfig(dataset="digits", seed=2)):
        source, other = config.source(), config.source(place=(1,))
        first = source.draw(700)
        assert not torch.equal(first, other.draw(700))
        saved, then = source.state_dict(), source.draw(3000)
        other.load_state_dict(saved)
        assert torch.equal(other.draw(3000), then), config.kind
