"""Data sets: points in the plane as Gray-coded bits."""
