"""Rows of bits as a table on the screen."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ebgfn.problems.table.columns import Number
from ebgfn.problems.table.config import TableConfig
from ebgfn.problems.table.schema import Vectors

HEADER_PX, ROW_PX = 38, 35


def told(config: TableConfig, x: Vectors) -> pd.DataFrame:
    """Rows as they would stand in the file, numbers as numbers; without columns that are left out. Each must be legal."""
    table = config.columns.decode(x, np.random.default_rng(0))
    kept = {column.name: column for column in config.columns.columns if column.kind != "text"}
    return pd.DataFrame(
        {
            name: pd.to_numeric(table[name]) if type(column) is Number else table[name].astype("string")
            for name, column in kept.items()
        }
    )


def draw(table: pd.DataFrame, *, alt: str, most: int = 12, config: dict[str, Any] | None = None) -> None:
    """The table, as high as it needs for up to so many rows."""
    st.dataframe(table, hide_index=True, height=height(len(table), most), column_config=config, alt=alt)


def height(count: int, most: int) -> int:
    """Pixels of a table of so many rows; beyond `most` it scrolls."""
    return HEADER_PX + ROW_PX * min(most, count)
