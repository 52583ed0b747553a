"""The quick look: honest against the floor, and its picture renewed part by part."""

import numpy as np
import pytest
import torch

from ebgfn.config import Toy2DConfig
from ebgfn.evaluation.landscape import sampler_picture
from ebgfn.evaluation.watch import PICTURE_PARTS, SIDE, Toy2DWatch
from ebgfn.model import Architecture, build


def test_an_untrained_model_is_as_far_from_the_floor_as_uniform_bits_are():
    config = Toy2DConfig(dataset="2spirals")
    metrics, _ = Toy2DWatch(config).look(build(config, Architecture(hidden=8, depth=2)))
    uniform = 32 * np.log(2)
    # 256 points scatter by 0.04 nats around the entropy; corrected, they stand exactly where the floor is.
    correction = metrics["gfn_nll"] - uniform
    assert 0 < abs(correction) < 0.2
    assert metrics["ebm_nll"] == pytest.approx(metrics["gfn_nll"], abs=1e-3)
    assert metrics["ess"] == pytest.approx(1.0, abs=1e-4)


def test_the_sampler_picture_is_renewed_after_a_few_looks():
    config = Toy2DConfig(dataset="8gaussians", bits=6)
    watch, model = Toy2DWatch(config), build(config, Architecture(hidden=8, depth=2))
    _, first = watch.look(model)
    with torch.no_grad():
        model.policy.net.last.bias.fill_(0.5)
    for _ in range(PICTURE_PARTS):
        _, frame = watch.look(model)
    assert first["log_q"].shape == (SIDE, SIDE)
    assert np.ptp(first["log_q"]) < 1e-4
    expected = sampler_picture(model, side=SIDE)
    assert frame["log_q"].mean() == pytest.approx(expected.mean(), abs=0.2)
    assert np.ptp(frame["log_q"]) > 1.0
