"""Text: its encoding, its lines, and the parts of it that are shown."""
