"""Bundles whose names were written by somebody hostile, and every command that is printed for them, run in a jail."""
