"""Files of recovered couplings: every number where it belongs, and names that can harm nobody."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest

from ebgfn.problems.ising.export import Recovered, couplings_csv, fields_csv, graphml

NAMES = ("=sum(A1)", "a, b", 'say "hi"', "<i>&")


def found(**known) -> Recovered:
    couplings = np.zeros((4, 4))
    couplings[0, 2] = couplings[2, 0] = -0.25
    couplings[1, 3] = couplings[3, 1] = 0.125
    return Recovered(couplings, np.array([0.5, 0.0, -1.5, 0.0]), **known)


def whole() -> Recovered:
    errors = np.where(found().couplings != 0, 0.01, np.nan)
    field_errors = np.array([0.02, np.nan, 0.03, np.nan])
    stability = np.arange(16).reshape(4, 4) / 20
    truth = np.zeros((4, 4))
    truth[0, 1] = truth[1, 0] = 0.2
    return found(
        names=NAMES,
        coupling_errors=errors,
        field_errors=field_errors,
        stability=(stability + stability.T) / 2,
        truth=truth,
    )


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_couplings_with_all_that_is_known():
    assert rows(couplings_csv(whole())) == [
        ["name_i", "name_j", "i", "j", "J", "se", "stability", "J_true"],
        ["'=sum(A1)", "a, b", "1", "2", "0", "", "0.125", "0.2"],
        ["'=sum(A1)", 'say "hi"', "1", "3", "-0.25", "0.01", "0.25", "0"],
        ["a, b", "<i>&", "2", "4", "0.125", "0.01", "0.5", "0"],
    ]


def test_fields_with_their_errors():
    assert rows(fields_csv(whole()))[:3] == [
        ["name", "i", "h", "se"],
        ["'=sum(A1)", "1", "0.5", "0.02"],
        ["a, b", "2", "0", ""],
    ]


def test_without_names_columns_are_numbered():
    assert rows(couplings_csv(found())) == [
        ["name_i", "name_j", "i", "j", "J"],
        ["1", "3", "1", "3", "-0.25"],
        ["2", "4", "2", "4", "0.125"],
    ]
    assert rows(fields_csv(found()))[0] == ["name", "i", "h"]


def test_a_graph_that_others_can_read():
    root = ElementTree.fromstring(graphml(whole()))
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}
    keys = {key.get("id"): key.get("attr.name") for key in root.findall("g:key", space)}

    def data(element) -> dict[str, str]:
        return {keys[one.get("key")]: one.text for one in element.findall("g:data", space)}

    nodes = {node.get("id"): data(node) for node in root.iterfind(".//g:node", space)}
    assert [node["name"] for node in nodes.values()] == list(NAMES)
    assert nodes["n1"] == {"name": NAMES[0], "h": "0.5", "se": "0.02"}
    assert "se" not in nodes["n2"]
    edges = {(e.get("source"), e.get("target")): data(e) for e in root.iterfind(".//g:edge", space)}
    assert edges == {
        ("n1", "n3"): {"J": "-0.25", "se": "0.01", "stability": "0.25"},
        ("n2", "n4"): {"J": "0.125", "se": "0.01", "stability": "0.5"},
    }


def test_networkx_reads_it_where_it_is_installed(tmp_path):
    networkx = pytest.importorskip("networkx")
    graph = networkx.parse_graphml(graphml(whole()))
    assert graph.edges["n1", "n3"]["J"] == -0.25
    assert graph.nodes["n4"]["name"] == NAMES[3]
    assert not graph.is_directed()
