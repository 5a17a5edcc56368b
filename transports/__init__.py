"""The ways in: command line, stdio, and HTTP."""
