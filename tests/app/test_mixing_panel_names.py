"""Kernels that no page knows by name are drawn like the others."""

from ebgfn.problems.plane.mixing import Mixing
from ebgfn.ui import lattice_mixing, mixing_panel


def test_a_kernel_of_an_unknown_name_is_drawn():
    row = Mixing("Newcomer, step 2", None, 3, 132, 0.5, 0.01, 0.2, 0.02, 0.1)
    drawing = mixing_panel.figure([row], "memory", "memory")
    assert [trace.name for trace in drawing.data] == ["Back-and-forth", "Newcomer, step 2"]
    assert drawing.data[1].line.dash != drawing.data[0].line.dash
    assert lattice_mixing._NEWCOMER not in lattice_mixing._STYLE.values()
