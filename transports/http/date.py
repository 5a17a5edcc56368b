"""The Date field of answers, as an origin server with a clock has to send it (RFC 9110, 6.6.1): made once a second."""

import functools
import time

NAME = b"date"


def date_now() -> bytes:
    """What it says now."""
    return date_at(int(time.time()))


@functools.lru_cache(1)
def date_at(second: int) -> bytes:
    """What it says in a second since the epoch. The names are English: nobody chooses another locale."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second)).encode()
