"""Capacity: a small simulation of replicas under many agents, the closed forms that it is held to, and its tables."""
