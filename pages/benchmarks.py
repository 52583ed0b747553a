"""Benchmarks: what `evaluate` measured of every shipped model of the plane, beside the floor."""

import streamlit as st

from ebgfn.ui.benchmarks import results
from ebgfn.ui.plane import shipped
from ebgfn.ui.shell import frame, models

LEAD = """Every figure here was measured on the shipped models, and can be measured again:
`python -m ebgfn evaluate toy2d-2spirals`."""

ABOUT = """Negative log-likelihood (NLL) of fresh data in nats, ± two standard errors; the **floor** is the data's entropy,
which no model can beat except by chance. A nat is 1.44 bits. An energy is **refuted** if it has mass that its sampler
misses. Acceptance and effective sample size (ESS) are 1 if the sampler knows the energy perfectly. MMD (maximum mean
discrepancy) is the distance between samples and data; beside it, that between two sets of data."""

NOTHING = "No shipped model has a complete card of figures."


def main() -> None:
    """The page, from top to bottom."""
    frame.page("Benchmarks", LEAD)
    frame.section("In the plane", ABOUT)
    table = results.table({name: models.card(model.folder) for name, model in shipped.by_set().items()})
    if not table:
        st.info(NOTHING, icon=":material/table_chart:")
        return
    right = {name: st.column_config.TextColumn(name, alignment="right") for name in table if name != "set"}
    st.dataframe(table, column_config=right, hide_index=True)


main()
