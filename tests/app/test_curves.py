"""Curves of training carry the errors of their points to the browser."""

import json

from ebgfn.ui.components import line_charts
from ebgfn.ui.plane import preview, training_curves


def test_a_band_comes_with_each_curve_that_has_errors(monkeypatch):
    shown = []
    monkeypatch.setattr(line_charts, "draw", lambda charts, *, key: shown.extend(charts))  # noqa: PLW0108
    rows = [{"elapsed_s": t, "gfn_nll": 21.0, "gfn_nll_se": 0.02, "ebm_nll": 20.5, "ebm_nll_se": 0.1} for t in (1, 2)]
    training_curves.draw({"run": preview.curves(rows)}, floor=20.0, end_s=2.0, key="curves")
    assert {line.name: line.error for line in shown[0].lines} == {"GFlowNet": [0.04] * 2, "energy": [0.2] * 2}
    assert "bands" in shown[0].note
    # Runs of before have none, and their energy's log Z flattered.
    old = [{k: v for k, v in row.items() if not k.endswith("_se")} for row in rows]
    training_curves.draw({"run": preview.curves(old)}, floor=20.0, end_s=2.0, key="curves")
    assert [(line.name, line.error) for line in shown[3].lines] == [("GFlowNet", [])]
    assert "bands" not in shown[3].note


def test_charts_travel_as_plain_json(monkeypatch):
    shown = []
    monkeypatch.setattr(line_charts, "draw", lambda charts, *, key: shown.extend(charts))  # noqa: PLW0108
    rows = [{"elapsed_s": float(t), "gfn_nll": 21.0, "gfn_nll_se": 0.02, "log_z": 0.5} for t in range(300)]
    training_curves.draw({"run": preview.curves(rows)}, floor=None, end_s=400.0, key="curves")
    sent = json.loads(json.dumps(line_charts.payload(shown), allow_nan=False))["charts"]
    assert [chart["axis"]["high"] for chart in sent] == [400.0] * 3
    assert len(sent[0]["lines"][0]["x"]) == len(sent[0]["lines"][0]["error"]) == 200
    assert "GFlowNet 21.000" in sent[0]["alt"]
