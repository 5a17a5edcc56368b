"""Reading: the content of one open file."""
