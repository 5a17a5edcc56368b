"""The settings, one module for each table of the file."""
