"""Build the API pages of the library by pdoc: `make docs`, or `python -m docs.api FOLDER`."""

import argparse
import pkgutil
from pathlib import Path
from unittest.mock import patch

import pdoc
import pdoc.render

import ebgfn

# What the command line, the app and the hardware need, and no caller of the library.
INTERNAL = (
    "__main__",
    "bundle",
    "arguments",
    "cli",
    "files",
    "parallel",
    "reproduce",
    "runs",
    "ui",
)


def build(folder: Path, *, show_source: bool = True) -> None:
    """Write the pages of all public modules; what pdoc cannot read it warns of. Most of the time goes into the sources."""
    names = getattr(ebgfn, "__all__", [])
    for name in names:  # pdoc does not see what is imported only when it is asked for
        setattr(ebgfn, name, getattr(ebgfn, name))
    modules = [module.name for module in pkgutil.iter_modules(ebgfn.__path__) if module.name not in INTERNAL]
    pdoc.render.configure(docformat="markdown", math=True, show_source=show_source)
    # Where a package says what it holds, pdoc shows nothing else.
    with patch.object(ebgfn, "__all__", [*names, *modules], create=True):
        pdoc.pdoc("ebgfn", *(f"!ebgfn.{name}" for name in INTERNAL), output_directory=folder)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="where the pages go; begin with index.html")
    folder = arguments.parse_args().folder
    build(folder)
    print(folder / "index.html")


if __name__ == "__main__":
    main()
