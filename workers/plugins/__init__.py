"""Plugins: an operator's own functions as tools, run in the same confined workers."""
