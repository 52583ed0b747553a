"""EB-GFN Lab: `streamlit run app.py`."""

from ebgfn.ui.shell import frame

frame.run()
