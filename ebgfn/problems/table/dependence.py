"""What hangs together in a table: how much its columns tell of each other, as a graph.

Pairs of values are counted, so values must be few: of numbers neighbouring bins are joined, of categories all but the most
frequent values. What is joined tells less, never more.
"""

from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from jaxtyping import Int

from ebgfn.evaluation.dependence import Dependence, dependence
from ebgfn.problems.table.columns import Category, Column
from ebgfn.problems.table.schema import Schema, Vectors

# Values of a column whose pairs are counted; columns that a picture of a graph can hold.
GROUPS, MOST_NODES = 6, 60
GRAPHML = "http://graphml.graphdrawing.org/xmlns"


class Edge(NamedTuple):
    """Two columns by their names, and mutual information in nats under the model and in the table's own rows."""

    first: str
    second: str
    nats: float
    real_nats: float


def changing(schema: Schema) -> list[Column]:
    """Columns that have bits."""
    return [column for column in schema.columns if column.bits]


def coarse(schema: Schema, x: Vectors) -> tuple[Int[np.ndarray, "rows changing"], list[int]]:
    """Codes of the columns that have bits, at most GROUPS of each, and how many there are."""
    columns = changing(schema)
    codes = np.stack([_joined(one, one.decode(x[:, schema.places[one.name]])) for one in columns], axis=1)
    return codes, [min(one.levels, GROUPS) for one in columns]


def _joined(column: Column, codes: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
    if column.levels <= GROUPS:
        return codes
    return np.minimum(codes, GROUPS - 1) if isinstance(column, Category) else codes * GROUPS // column.levels


def of_rows(schema: Schema, x: Vectors) -> Dependence:
    """Of legal rows as bits, between the columns that have bits."""
    return dependence(*coarse(schema, x))


def edges(schema: Schema, model: Dependence, real: Dependence) -> list[Edge]:
    """Pairs that the model has and chance does not explain, the strongest first."""
    names = [column.name for column in changing(schema)]
    i, j = np.nonzero(np.triu(model.real, 1))
    order = np.argsort(-model.nats[i, j], kind="stable")
    pairs = zip(i[order].tolist(), j[order].tolist(), strict=True)
    return [Edge(names[a], names[b], float(model.nats[a, b]), float(real.nats[a, b])) for a, b in pairs]


def strongest(found: Dependence, most: int = MOST_NODES) -> Int[np.ndarray, " shown"]:
    """Columns with the most nats over all that chance does not explain, in the order of the table."""
    total = np.where(found.real, found.nats, 0.0).sum(1)
    return np.sort(np.argsort(-total, kind="stable")[:most])


def as_table(found: list[Edge]) -> pd.DataFrame:
    """A line a pair."""
    return pd.DataFrame(found, columns=["column", "other column", "nats, model", "nats, real rows"])


def to_graphml(names: list[str], found: list[Edge]) -> bytes:
    """The graph for programs such as Gephi, yEd or NetworkX."""
    root = ElementTree.Element("graphml", xmlns=GRAPHML)
    for key in ("nats", "real_nats"):
        ElementTree.SubElement(root, "key", {"id": key, "for": "edge", "attr.name": key, "attr.type": "double"})
    ElementTree.SubElement(root, "key", {"id": "name", "for": "node", "attr.name": "name", "attr.type": "string"})
    graph = ElementTree.SubElement(root, "graph", edgedefault="undirected")
    ids = {name: f"n{place}" for place, name in enumerate(names)}
    for name, node in ids.items():
        ElementTree.SubElement(ElementTree.SubElement(graph, "node", id=node), "data", key="name").text = name
    for one in found:
        edge = ElementTree.SubElement(graph, "edge", source=ids[one.first], target=ids[one.second])
        for key, value in (("nats", one.nats), ("real_nats", one.real_nats)):
            ElementTree.SubElement(edge, "data", key=key).text = f"{value:.6g}"
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
