"""Kernels that no page knows by name are drawn like the others."""

import numpy as np

from ebgfn.problems.lattice.mixing import Memory
from ebgfn.problems.plane.mixing import Mixing
from ebgfn.ui.chains import kernel_comparison
from ebgfn.ui.ising import memory


def test_a_kernel_of_an_unknown_name_is_drawn():
    row = Mixing("Newcomer, step 2", None, 3, 132, 0.5, 0.01, 0.2, 0.02, 0.1)
    ours, other = kernel_comparison.chart([row], "memory", "Memory", "").lines
    assert (ours.name, other.name) == ("Back-and-forth", "Newcomer, step 2")
    assert other.dash != ours.dash
    strokes = [(line.role, line.dash) for line in kernel_comparison.chart([row] * 4, "memory", "", "").lines]
    assert len(set(strokes)) == 5


def test_a_fourth_kernel_of_lattices_has_a_stroke_of_its_own():
    rho = np.array([1.0, 0.5])
    rows = [Memory(name, None, 2, 2, 16, 0, 0.01, 1.0, rho, rho / 10, rho, rho / 10) for name in "abcd"]
    for cost in memory.COSTS:
        lines = memory.chart(rows, "energy", cost).lines
        assert [line.name for line in lines] == list("abcd")
        assert len({(line.role, line.dash) for line in lines}) == 4
