"""A call that is made in steps: where it has to wait for the disk, several of them wait together (`writing/batch.py`).

It first says what it is going to change, before it has looked at it and before anything was changed: a `Claim`. After
that it stops wherever something has to be flushed, and goes on when that was done.
"""

from collections.abc import Generator
from typing import TypeVar

import msgspec

from filewarden.workers.history.flush import Flush, flush_all

Result = TypeVar("Result")


class Claim(msgspec.Struct, frozen=True):
    """What is going to be changed. Calls of which no two have the same place are independent of each other."""

    places: tuple[object, ...] = ()
    size: int = 0
    """How many bytes are held in memory, at most."""
    is_alone: bool = False
    """Whether nothing else may be changed meanwhile."""


ALONE = Claim(is_alone=True)
Pause = Claim | tuple[Flush, ...]
"""After a `Claim` the call may go on at once; after others, where these were flushed, it does not have to wait."""
Steps = Generator[Pause, None, Result]


def in_one_go(steps: Steps[Result]) -> Result:
    """The result of a call that waits for nobody."""
    while True:
        try:
            pause = next(steps)
            if isinstance(pause, tuple):
                flush_all(pause)
        except StopIteration as end:
            result: Result = end.value
            return result
