"""The doctor: what holds on this machine, tried for real."""
