"""The Runs page: what trains, what waits, what has ended."""

from ebgfn.ui.shell.routes import Page

PAGE = Page("pages/runs.py", "Runs", ":material/list_alt:", "Follow, stop, resume and download training runs.", place=8)
