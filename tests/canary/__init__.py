"""Secrets of every shape in every place where people and programs write one, and the question where they turn up again."""
