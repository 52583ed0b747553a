"""Your table: what a model learned of a table's rows, and what can be done with it."""
