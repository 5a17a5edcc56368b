"""HTTP: everything between a socket and a conversation."""
