"""Clients: what each writes into its configuration to use this server, and how it gets there."""
