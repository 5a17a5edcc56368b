"""What writes the generated pages of the documentation, from the settings, the catalogue and the command line."""
