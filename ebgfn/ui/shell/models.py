"""Trained models, shipped ones and those of finished runs: each loaded once, shared by all visitors and never changed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ebgfn import problems, shipped
from ebgfn.problems import Config, Problem
from ebgfn.runs import store
from ebgfn.shipped import CONFIG_FILE, WEIGHTS_FILE
from ebgfn.ui.shell import address

if TYPE_CHECKING:
    from ebgfn.model import Model

# torch is imported where a model is read: a page that shows stored pictures of one does without.
CARD = "card.json"


@dataclass(frozen=True)
class StoredModel:
    """A trained model by the name it has in the address; `stamp` changes when its weights do."""

    name: str
    folder: Path
    stamp: int


def stored(folder: Path, name: str = "") -> StoredModel:
    """The model of a checkpoint. Errors: ValueError where there are no weights."""
    try:
        return StoredModel(name or folder.name, folder, (folder / WEIGHTS_FILE).stat().st_mtime_ns)
    except OSError as error:
        raise ValueError(f"{folder.name} is not a checkpoint: {error.strerror}") from None


def load(model: StoredModel) -> "Model":
    """Its networks. Errors: CheckpointError."""
    return _load(str(model.folder), model.stamp)


@st.cache_resource(max_entries=24, show_spinner=False)
def _load(folder: str, stamp: int) -> "Model":
    from ebgfn.problems.checkpoint import load as read

    return read(folder)


def config(folder: Path) -> Any:
    """Settings that made a checkpoint. Errors: ValueError."""
    try:
        return problems.config_of(json.loads((folder / CONFIG_FILE).read_text()))
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"{folder.name} is not a checkpoint: {error}") from None


def shipped_of(problem: Problem) -> list[tuple[StoredModel, Any]]:
    """Shipped models of a problem with their settings, by name; a damaged config.json is no model."""
    found = []
    for folder in sorted(shipped.folder().glob("*/")):
        try:
            model = stored(folder)
            made_by: Config = config(folder)
        except ValueError:
            continue
        if problems.of(made_by) is problem:
            found.append((model, made_by))
    return found


def with_runs(shipped_ones: dict[str, StoredModel], problem: Problem) -> dict[str, StoredModel]:
    """Shipped models first, then the problem's finished runs on this machine, newest first."""
    finished = [run for run in store.list_runs() if run.has_checkpoint and run.status.finished]
    ours = [run for run in finished if problems.of(run.config) is problem]
    return shipped_ones | {run.id: stored(run.checkpoint, run.id) for run in ours}


def choose(found: dict[str, StoredModel], key: str, first: str, *, width: int) -> StoredModel:
    """The model that the visitor or the address chose."""
    names = list(found)
    index = names.index(first) if first in names else 0
    text = "Shipped models, then finished runs on this machine."
    name = st.selectbox("Model", names, index=index, help=text, width=width, **address.bound(key, names))
    return found.get(name, found[names[index]])


def card(folder: Path) -> dict[str, Any]:
    """What `evaluate` said of a shipped model, with the command and the machine; empty where unknown."""
    try:
        found = json.loads((folder / CARD).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def figures(card: dict[str, Any]) -> dict[str, float]:
    """The numbers of a card."""
    return {k: float(v) for k, v in card.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def provenance(card: dict[str, Any]) -> None:
    """Say where a shipped model comes from."""
    if not card:
        return
    trained = f"trained for {card['train_seconds']:.0f} s" if "train_seconds" in card else ""
    st.caption("Shipped model: " + ", ".join(part for part in (trained, str(card.get("machine", ""))) if part) + ".")
    if "command" in card:
        st.code(str(card["command"]), language="bash", wrap_lines=True)
