"""The model that the sections are about, with the rows it learned from."""

from pathlib import Path

import streamlit as st

from ebgfn.ui.shell import models
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.shell.text import plain


def model_of(folder: Path) -> StoredModel | None:
    """The model of a checkpoint; None, with a sentence, where it or its table cannot be read any more."""
    try:
        source = models.stored(folder)
        models.load(source).config.split  # noqa: B018  (reads the table)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    return source
