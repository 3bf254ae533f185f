"""A registry in Python that answers like distribution 2.8 and 3.1, for a lab that needs nothing installed."""

from runbook.lab.registry.app import App

__all__ = ["App"]
