"""Meaning-preserving rewrites of incidents: the same files in another dress must get the same verdict."""
