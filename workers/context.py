"""What an operation may use during one call: the roots, the limits, and the time left."""

import time

import msgspec

from filewarden.workers.space import Space


class Limits(msgspec.Struct, frozen=True):
    """The bounds an operation keeps to; each is a setting under `[limits]`."""

    max_file_bytes: int
    max_answer_chars: int
    max_results: int


class Context(msgspec.Struct, frozen=True):
    """One call's surroundings. `soft_deadline` is on the monotonic clock, in seconds."""

    space: Space
    limits: Limits
    soft_deadline: float

    def is_overdue(self) -> bool:
        """Whether a scan should now return what it has."""
        return time.monotonic() >= self.soft_deadline
