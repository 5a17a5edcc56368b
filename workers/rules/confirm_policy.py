"""When a user is asked before something changes."""

from enum import StrEnum


class Policy(StrEnum):
    """When the user is asked."""

    NEVER = "never"
    DESTRUCTIVE = "destructive"
    """Before something is overwritten, deleted, or moved with all that is in it."""
    ALWAYS = "always"
