"""Composing: one site from its tables to a release, many sites side by side, the demo, the truth."""
