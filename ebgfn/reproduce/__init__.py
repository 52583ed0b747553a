"""The tables of results, each measured anew: ours beside peers and limits.

A table's module has `tasks(seeds)`, what there is to measure; `row(task, budget_s)`, which measures one of them, with so
many seconds for each training; and `as_text(rows)`, the table in Markdown. `BUDGET_S` is the usual number of seconds. Of
`tables` the names can be chosen: `tasks(seeds, names)`.
"""
