"""Rules: what the operator decided about changes."""
