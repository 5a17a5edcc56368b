"""What a finished change has outlived."""

from enum import StrEnum


class Durability(StrEnum):
    """What a finished change has outlived."""

    FULL = "full"
    """A loss of power."""
    RENAME = "rename"
    """The end of any process."""
