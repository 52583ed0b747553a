"""EB-GFN Lab: `streamlit run app.py`."""

from ebgfn.ui import frame

frame.run()
