"""The demonstration: what a newcomer sees within seconds."""
