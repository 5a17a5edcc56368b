"""History: what was there before each change."""
