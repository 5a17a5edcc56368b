"""How much a log message to a client matters, and how long what a call reports may be, in characters."""

from enum import IntEnum

LONGEST_MESSAGE = 256
"""Of a progress report."""
LONGEST_NOTE = 4096


class NoteLevel(IntEnum):
    """The levels of log messages to clients (RFC 5424, as MCP names them)."""

    DEBUG = 0
    INFO = 1
    NOTICE = 2
    WARNING = 3
    ERROR = 4
    CRITICAL = 5
    ALERT = 6
    EMERGENCY = 7
