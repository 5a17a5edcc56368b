"""The audit log on disk: its chain and its files."""
