"""The bounds that operations keep to."""

import msgspec

MOST_ANSWER_CHARS = 10_000_000
"""The setting `limits.max_answer_chars` allows no more."""


class Limits(msgspec.Struct, frozen=True):
    """Each is a setting under `[limits]`."""

    max_file_bytes: int
    max_media_bytes: int
    max_answer_chars: int
    max_results: int
