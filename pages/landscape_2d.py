"""A first cut."""
import streamlit as st
from ebgfn.ui import frame, landscape_view, shipped
frame.page("2D landscape", "An energy-based model and its sampler.")
name = st.selectbox("Data", list(shipped.DENSITIES), key="data", bind="query-params", index=6)
h = st.toggle("history")
scene = shipped.scene(name, history=h)
if scene is None: st.info("none")
else: landscape_view.draw(scene, key="landscape")
