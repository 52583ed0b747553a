"""The tables of results, each measured anew: ours beside peers and limits.

A table's module has `work(seeds)`, how many rows there are to measure; `rows(budget_s, seeds=..., on_row=...)`, which
measures them one after another and calls `on_row` after each; and `as_text(rows)`, the table in Markdown. `BUDGET_S` is the
usual number of seconds for each training.
"""
