"""Columns as a graph: what is counted, what is shown, and a file that other programs read."""

import itertools
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from ebgfn.problems.table import dependence
from ebgfn.problems.table.schema import Schema


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A number, what follows from it, and two columns that know nothing of the others; one never changes."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=2000)
    return pd.DataFrame(
        {
            "size": [f"{value:.2f}" for value in size],
            "large": ["yes" if value > 0.5 else "no" for value in size],
            "place": rng.choice([*"abcdefghij"], 2000, p=np.arange(10, 0, -1) / 55),
            "coin": rng.choice(["0", "1"], 2000),
            "same": "x",
        },
        dtype=object,
    )


@pytest.fixture(scope="module")
def schema(table) -> Schema:
    return Schema.of(table)


def test_numbers_are_joined_in_order_and_rare_categories_as_one(schema, table):
    codes, levels = dependence.coarse(schema, schema.encode(table).x)
    assert levels == [6, 2, 6, 2]
    number = table["size"].astype(float).to_numpy()
    ends = [(number[codes[:, 0] == code].min(), number[codes[:, 0] == code].max()) for code in range(6)]
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ends))
    assert [set(table["place"][codes[:, 2] == code]) for code in (0, 5)] == [{"a"}, {*"fghij"}]


def test_edges_are_the_pairs_that_hang_together(schema, table):
    found = dependence.of_rows(schema, schema.encode(table).x)
    (edge,) = dependence.edges(schema, found, found)
    assert edge[:2] == ("size", "large")
    assert edge.nats == edge.real_nats > 0.4
    assert dependence.strongest(found, 2).tolist() == [0, 1]


def test_a_graph_file_tells_names_whatever_they_are(schema):
    names = ['<b>&"x"</b>', "b"]
    root = ElementTree.fromstring(dependence.to_graphml(names, [dependence.Edge(*names, 0.5, 0.25)]))
    space = {"g": dependence.GRAPHML}
    assert [one.text for one in root.findall(".//g:node/g:data", space)] == names
    (edge,) = root.findall(".//g:edge", space)
    assert (edge.get("source"), edge.get("target")) == ("n0", "n1")
    assert [float(one.text or "") for one in edge] == [0.5, 0.25]
