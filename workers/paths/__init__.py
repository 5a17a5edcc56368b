"""Paths: from a client's text to an open handle beneath a root, and what decides whether there is one."""
