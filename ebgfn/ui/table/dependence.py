"""What hangs together: columns as a graph, as strong as what they tell of each other under the model."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from ebgfn.problems.table import dependence, files
from ebgfn.problems.table.dependence import Dependence, Edge
from ebgfn.problems.table.schema import Schema
from ebgfn.ui.components import column_circle
from ebgfn.ui.components.column_circle import Link
from ebgfn.ui.shell import downloads, models
from ebgfn.ui.shell.models import StoredModel
from ebgfn.ui.table import row_samples

KEY = "together"
# Links of each column that are drawn at first.
LINKS, FEW, ALL = 2, "the two strongest of each column", "all"
ABOUT = """A line joins two columns if one tells something of the other: the wider, the more. Columns that hang together
stand side by side. **Point at a column** to see its strongest partners."""
HOW = f"""The number of a pair is its **mutual information** in nats: by how much, on average, knowing one
column lessens the surprise at the other. 0 means that they tell nothing of each other; two coins that always
agree have 0.693. It is counted on {row_samples.ROWS:,} rows that the sampler draws, and beside it on all rows
of the table. What chance alone would show is taken off, and a pair is a link only if chance would make any such
pair less than once in twenty tables. Columns have at most {dependence.GROUPS} values here: neighbouring bins of
numbers are joined, and so are rare categories.

A **good model** has the numbers of the real rows. It tells what goes together, not what causes what: two
columns may hang together because a third one moves both."""


def show(folder: Path, *, seed: int) -> None:
    """The circle, one column's partners, a table and files."""
    row_samples.follow(folder, seed, ABOUT, _draw)


def _draw(source: StoredModel, seed: int) -> None:
    found = row_samples.progress(row_samples.measurement(source, seed))
    if found is None:
        return
    schema = models.load(source).config.columns
    model = row_samples.drawn_dependence(source, seed, len(found.x), _x=found.x)
    real = row_samples.real_dependence(source, "all")
    edges = dependence.edges(schema, model, real)
    if not edges:
        st.info("No two columns hang together beyond chance under this model.", icon=":material/link_off:")
        return
    shown, names = on_circle(schema, real)
    links = as_links(edges, names)
    column_circle.draw(names, _chosen(links), key=f"{KEY}_circle")
    st.caption(summary(edges, len(model.nats), len(shown)))
    _files(edges, [column.name for column in dependence.changing(schema)])


def on_circle(schema: Schema, real: Dependence) -> tuple[np.ndarray, list[str]]:
    """Columns that are shown, and their names in an order in which those that hang together are neighbours.

    By the real rows, so that nothing moves while more rows are drawn.
    """
    shown = dependence.strongest(real)
    order = shown
    if len(shown) > 2:
        apart = 1 - real.normalised[np.ix_(shown, shown)]
        np.fill_diagonal(apart, 0.0)
        order = shown[leaves_list(linkage(squareform(apart, checks=False), "average", optimal_ordering=True))]
    columns = dependence.changing(schema)
    return shown, [columns[place].name for place in order]


def as_links(edges: list[Edge], names: list[str]) -> list[Link]:
    """Edges between the columns that are shown."""
    place = {name: at for at, name in enumerate(names)}
    there = (edge for edge in edges if edge.first in place and edge.second in place)
    return [Link(place[edge.first], place[edge.second], edge.nats, edge.real_nats) for edge in there]


def _chosen(links: list[Link]) -> list[Link]:
    """The links, with those drawn that the visitor wants to see."""
    few = strongest_of_each(links)
    if all(link.drawn for link in few):
        return links
    return links if st.segmented_control("Links", [FEW, ALL], default=FEW, key=f"{KEY}_links") == ALL else few


def strongest_of_each(links: list[Link]) -> list[Link]:
    """Only LINKS of each column drawn, but all that are another column's strongest too; links come strongest first."""
    seen: Counter[int] = Counter()
    told = []
    for link in links:
        told.append(replace(link, drawn=min(seen[link.first], seen[link.second]) < LINKS))
        seen.update((link.first, link.second))
    return told


def summary(edges: list[Edge], columns: int, shown: int) -> str:
    """How many pairs, how near to the real rows, and what is left out."""
    pairs = columns * (columns - 1) // 2
    nats, real = (np.array([getattr(edge, name) for edge in edges]) for name in ("nats", "real_nats"))
    share = nats.sum() / max(real.sum(), 1e-9)
    most = (
        f" Of {columns} columns those {shown} are drawn that have the strongest links in the real rows."
        if shown < columns
        else ""
    )
    return (
        f"{len(edges):,} of {pairs:,} pairs hang together beyond chance. Over all of them the model has {share:.0%} of the "
        f"nats of the real rows: 100% would be best, less means that it has learned some links too weakly.{most}"
    )


def _files(edges: list[Edge], names: list[str]) -> None:
    table = dependence.as_table(edges)
    with st.expander(f"All {len(edges):,} pairs as a table"):
        st.dataframe(table.round(4), hide_index=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads.button("Pairs (CSV)", lambda: files.to_csv(table), "pairs.csv", key=f"{KEY}_csv")
        downloads.button(
            "Graph (GraphML)", lambda: dependence.to_graphml(names, edges), "columns.graphml",
            "for Gephi, yEd, Cytoscape or NetworkX", key=f"{KEY}_graphml",
        )  # fmt: skip
        with st.popover("How to read this", icon=":material/help:"):
            st.markdown(HOW)
