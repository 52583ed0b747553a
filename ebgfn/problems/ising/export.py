"""Recovered couplings and fields as text: CSV for tables, GraphML for programs that draw graphs."""

import csv
import io
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float, Num

Square = Num[np.ndarray, "dim dim"]

# Of what is written for nodes and edges; the keys are those of the CSV files.
KINDS = {"name": "string", "h": "double", "J": "double", "se": "double", "stability": "double"}


@dataclass(frozen=True)
class Recovered:
    """What is known of couplings and fields; names, standard errors, stability and the true couplings may be missing."""

    couplings: Square
    fields: Float[np.ndarray, " dim"]
    names: tuple[str, ...] | None = None
    coupling_errors: Square | None = None
    field_errors: Float[np.ndarray, " dim"] | None = None
    stability: Square | None = None
    truth: Square | None = None

    def name(self, i: int) -> str:
        """Of column i, counted from 0; people count from 1."""
        return str(i + 1) if self.names is None else self.names[i]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs that are coupled, recovered or truly."""
        there = self.couplings != 0 if self.truth is None else (self.couplings != 0) | (self.truth != 0)
        return [(int(i), int(j)) for i, j in np.argwhere(np.triu(there, 1))]

    def pair(self, i: int, j: int) -> dict[str, float]:
        """All that is known of a pair, by name."""
        tables = {"J": self.couplings, "se": self.coupling_errors, "stability": self.stability, "J_true": self.truth}
        return {name: float(table[i, j]) for name, table in tables.items() if table is not None}

    def field(self, i: int) -> dict[str, float]:
        """All that is known of a field, by name."""
        return {"h": float(self.fields[i])} | ({} if self.field_errors is None else {"se": float(self.field_errors[i])})


def couplings_csv(found: Recovered) -> str:
    """One line for each pair that is coupled, recovered or truly; columns are numbered from 1."""
    rows = [[safe(found.name(i)), safe(found.name(j)), i + 1, j + 1, found.pair(i, j)] for i, j in found.pairs]
    return _table(["name_i", "name_j", "i", "j", *found.pair(0, 1)], rows)


def fields_csv(found: Recovered) -> str:
    """One line for each column, numbered from 1."""
    rows = [[safe(found.name(i)), i + 1, found.field(i)] for i in range(len(found.fields))]
    return _table(["name", "i", *found.field(0)], rows)


def graphml(found: Recovered) -> str:
    """A graph with a node for each column and an edge for each pair found coupled; what is not known is left out."""
    root = ElementTree.Element("graphml", xmlns="http://graphml.graphdrawing.org/xmlns")
    for target, keys in (("node", ("name", "h", "se")), ("edge", ("J", "se", "stability"))):
        for key in keys:
            kind = {"id": f"{target}_{key}", "for": target, "attr.name": key, "attr.type": KINDS[key]}
            ElementTree.SubElement(root, "key", kind)
    graph = ElementTree.SubElement(root, "graph", id="couplings", edgedefault="undirected")
    for i in range(len(found.fields)):
        node = ElementTree.SubElement(graph, "node", id=f"n{i + 1}")
        _data(node, "node", {"name": found.name(i), **found.field(i)})
    for i, j in found.pairs:
        if found.couplings[i, j]:
            edge = ElementTree.SubElement(graph, "edge", source=f"n{i + 1}", target=f"n{j + 1}")
            _data(edge, "edge", {k: v for k, v in found.pair(i, j).items() if k in KINDS})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _data(parent: ElementTree.Element, target: str, values: dict[str, str | float]) -> None:
    for key, value in values.items():
        if isinstance(value, str) or np.isfinite(value):
            text = value if isinstance(value, str) else f"{value:.9g}"
            ElementTree.SubElement(parent, "data", key=f"{target}_{key}").text = text


def _table(head: list[str], rows: list[list]) -> str:
    """CSV whose last cell of a row is a dict of numbers; those that are not known stay empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for *cells, values in rows:
        writer.writerow([*cells, *(f"{value:.9g}" if np.isfinite(value) else "" for value in values.values())])
    return text.getvalue()


def safe(name: str) -> str:
    """A name that no spreadsheet takes for a formula: names come from files of strangers."""
    return f"'{name}" if name[:1] in tuple("=+-@") else name
