"""Arrows run one way: data -> (energy, policy) -> trajectories -> losses -> trainer -> runs -> pages."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module may import from its own part and from earlier lines; parts on one line know nothing of each other.
LAYERS = [
    ["bundle", "files", "samples", "seeds", "parallel"],
    ["core", "shipped"],
    ["model"],
    ["nets", "mcmc"],
    ["optim"],
    ["train"],
    ["baselines"],
    ["evaluation"],
    ["problems"],
    ["arguments", "runs", "reproduce"],
    ["front"],
    ["cli", "ui"],
    ["__main__", "app", "pages"],
]
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
PICTURES = {"streamlit", "plotly"}
SHOWS = {"ui", "app", "pages"}


def part_of(module: str) -> str:
    """ebgfn.mcmc.gibbs -> mcmc; pages.runs -> pages."""
    names = module.split(".")
    return names[1] if names[0] == "ebgfn" and len(names) > 1 else names[0]


def imports(source: str) -> set[str]:
    """Full names of everything imported anywhere in a file, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            # `from ebgfn import x` names a part, `from ebgfn.x import y` a module or something in it.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def against_the_way(module: str, source: str) -> list[str]:
    """What is wrong with the imports of one file."""
    part, wrong = part_of(module), []
    if part not in RANK:
        return [f"{module}: give {part!r} a place in LAYERS"]
    for name in sorted(imports(source)):
        if name.startswith("ebgfn.") and not name.startswith("ebgfn.__version__"):
            other = part_of(name)
            if other not in RANK:
                wrong.append(f"{module} imports {name}: give {other!r} a place in LAYERS")
            elif other != part and RANK[other] >= RANK[part]:
                wrong.append(f"{module} imports {name}")
        elif name.split(".")[0] in PICTURES and part not in SHOWS:
            wrong.append(f"{module} imports {name}: only ebgfn.ui, app.py and pages draw")
        elif name.split(".")[0] == "torch" and part in {"app", "pages"}:
            wrong.append(f"{module} imports {name}: a page holds no tensor mathematics")
    return wrong


def module_of(path: Path) -> str:
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


FILES = sorted([*ROOT.glob("ebgfn/**/*.py"), *ROOT.glob("app.py"), *ROOT.glob("pages/**/*.py")])


@pytest.mark.parametrize("path", [p for p in FILES if module_of(p) != "ebgfn"], ids=module_of)
def test_imports_follow_the_way(path):
    assert against_the_way(module_of(path), path.read_text(encoding="utf-8")) == []


def test_the_package_itself_imports_nothing():
    # `import ebgfn` must be cheap and cannot depend on its parts; `load` comes when it is asked for.
    source = (ROOT / "ebgfn" / "__init__.py").read_text(encoding="utf-8")
    assert imports(source) == {"typing.TYPE_CHECKING", "ebgfn.front.load", "ebgfn.samples.load_samples"}
    command = (
        "import sys, ebgfn; print(*{name.split('.')[0] for name in sys.modules} & {'torch', 'numpy', 'jaxtyping'})"
    )
    assert subprocess.check_output([sys.executable, "-c", command], cwd=ROOT, text=True) == "\n"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ebgfn.core.policy", "from ebgfn.nets.mlp import MLPPolicy"),
        ("ebgfn.train.loop", "def f():\n    from ebgfn.problems import of"),
        ("ebgfn.train.paper", "import ebgfn.evaluation.likelihood"),
        ("ebgfn.nets.mlp", "from ebgfn import optim"),
        ("ebgfn.runs.store", "import streamlit as st"),
        ("ebgfn.mcmc.gibbs", "from plotly import graph_objects"),
        ("pages.runs", "import torch"),
        ("ebgfn.novelty", "import math"),
        ("ebgfn.problems", "from ebgfn.novelty import x"),
    ],
)
def test_an_arrow_against_the_way_is_noticed(module, source):
    assert len(against_the_way(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ebgfn.train.paper", "from ebgfn.core.policy import Policy"),
        ("ebgfn.mcmc.gibbs", "from ebgfn.mcmc.chain import start"),
        ("ebgfn.ui.plots", "import plotly.graph_objects as go\nfrom ebgfn.runs import store"),
        ("ebgfn.cli", "from ebgfn import __version__"),
    ],
)
def test_an_arrow_along_the_way_is_allowed(module, source):
    assert against_the_way(module, source) == []
