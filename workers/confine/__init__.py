"""Kernel confinement of a worker: one module for each kernel interface, and the ordered steps."""
