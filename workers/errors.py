"""How a tool says no: a stable code and a sentence for a person."""

from enum import StrEnum


class Code(StrEnum):
    """Every way a tool call can fail, as clients see it in `structuredContent.error.code`."""

    ACCESS_DENIED = "access_denied"
    NOT_FOUND = "not_found"
    NOT_A_FILE = "not_a_file"
    NOT_A_DIRECTORY = "not_a_directory"
    INVALID_ARGUMENT = "invalid_argument"
    TOO_LARGE = "too_large"
    ALREADY_EXISTS = "already_exists"
    CONFLICT = "conflict"
    READ_ONLY = "read_only"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory_limit"
    OVERLOADED = "overloaded"
    CANCELLED = "cancelled"
    WORKER_CRASHED = "worker_crashed"
    CONFIRMATION_REQUIRED = "confirmation_required"
    DECLINED = "declined"
    IO_ERROR = "io_error"


Details = dict[str, str | int | float | bool | list[str] | None]


class ToolFailure(Exception):
    """A tool refused, or could not; the sentence names no host path and nothing outside the roots."""

    def __init__(self, code: Code, message: str, **details: str | int | float | bool | list[str] | None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: Details = details
