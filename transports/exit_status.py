"""What the exit statuses mean."""

EXIT_OK = 0
EXIT_FAILURE = 1
"""It failed at run time."""
EXIT_USAGE = 2
"""The configuration or the command line is wrong."""
