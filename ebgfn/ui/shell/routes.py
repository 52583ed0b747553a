"""The app's pages, as their folders tell of them: a folder of `ebgfn.ui` whose `PAGE` is set is a page."""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ebgfn import problems, ui
from ebgfn.runs.folder import RunFolder

Query = dict[str, str]


@dataclass(frozen=True)
class Page:
    """One page: its file, how it is called, and in a line what is to be seen there; pages stand in order of `place`.

    `opens`: by a problem's name, what tells this page to show a run of that problem; None for a run that it does not show.
    """

    file: str
    title: str
    icon: str
    text: str
    place: int
    opens: Mapping[str, Callable[[RunFolder], Query | None]] = field(default_factory=dict)


@functools.cache
def pages() -> tuple[Page, ...]:
    """All pages, in the order of the navigation."""
    folders = (importlib.import_module(f"{ui.__name__}.{m.name}") for m in pkgutil.iter_modules(ui.__path__) if m.ispkg)
    return tuple(sorted((f.PAGE for f in folders if hasattr(f, "PAGE")), key=lambda page: page.place))


def opening(run: RunFolder) -> tuple[Page, Query] | None:
    """The page that shows a run, and what to tell it; None where no page does. Errors: RunError."""
    name = problems.of(run.config).name
    for page in pages():
        if name in page.opens and (query := page.opens[name](run)) is not None:
            return page, query
    return None
