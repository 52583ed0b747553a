"""Curves of training carry the errors of their points to the browser."""

from ebgfn.ui import curves, preview


def test_a_band_comes_with_each_curve_that_has_errors(monkeypatch):
    shown = []
    monkeypatch.setattr(curves, "show", lambda charts, **settings: shown.extend(charts))
    rows = [{"elapsed_s": t, "gfn_nll": 21.0, "gfn_nll_se": 0.02, "ebm_nll": 20.5, "ebm_nll_se": 0.1} for t in (1, 2)]
    curves.draw({"run": preview.columns(rows)}, floor=20.0, end_s=2.0, key="curves")
    assert {line["name"]: line["error"] for line in shown[0]["lines"]} == {"GFlowNet": [0.04] * 2, "energy": [0.2] * 2}
    assert "bands" in shown[0]["note"]
    # Runs of before have none, and their energy's log Z flattered.
    old = [{k: v for k, v in row.items() if not k.endswith("_se")} for row in rows]
    curves.draw({"run": preview.columns(old)}, floor=20.0, end_s=2.0, key="curves")
    assert [(line["name"], line["error"]) for line in shown[3]["lines"]] == [("GFlowNet", [])]
    assert "bands" not in shown[3]["note"]
