"""The bounds that operations keep to."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Each is a setting under `[limits]`."""

    max_file_bytes: int
    max_media_bytes: int
    max_answer_chars: int
    max_results: int
