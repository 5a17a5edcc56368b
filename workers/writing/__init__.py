"""Writing: changes that happen whole or not at all."""
