"""The operations behind methods of the protocol that are no tools: one file each, named like its method."""
