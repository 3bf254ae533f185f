"""Bounds of what runs for a page."""

MOST = 4
"""Kernels at a time: a page takes one, and each reload another."""
