"""The pure protocol core: frames in, actions out; no I/O, no clock."""
