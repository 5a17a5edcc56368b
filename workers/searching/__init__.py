"""Searching: walks through folders and the content of many files."""
