"""Watching: the process that looks out for changes."""
