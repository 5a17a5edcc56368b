"""What of a file is asked for, and how it is to be shown."""

import msgspec

from filewarden.workers.errors import Code, ToolFailure


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Lines count from 1, bytes from 0."""

    encoding: str
    """A canonical name, or `auto`."""
    offset: int | None = None
    limit: int | None = None
    head: int | None = None
    tail: int | None = None
    byte_offset: int | None = None
    byte_limit: int | None = None
    line_numbers: bool = False
    max_line_chars: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether neither lines nor bytes are asked for."""
        return not (
            self.offset or self.limit or self.head or self.tail or self.byte_limit or self.byte_offset is not None
        )

    @property
    def has_view(self) -> bool:
        """Whether lines are to be numbered or clipped."""
        return self.line_numbers or self.max_line_chars is not None

    @property
    def has_bytes(self) -> bool:
        """Whether bytes are asked for."""
        return self.byte_offset is not None or self.byte_limit is not None


def check(part: Part) -> None:
    """Refuse what excludes each other."""
    if part.is_whole:
        return
    ways = (
        ("offset and limit", part.offset is not None or part.limit is not None),
        ("head", part.head is not None),
        ("tail", part.tail is not None),
        ("byte_offset and byte_limit", part.has_bytes),
    )
    given = [name for name, is_given in ways if is_given]
    if len(given) > 1:
        raise ToolFailure(
            Code.INVALID_ARGUMENT,
            f"{' and '.join(given)} exclude each other: use offset and limit, or head, or tail, "
            "or byte_offset and byte_limit.",
        )
    if part.has_bytes and part.line_numbers:
        raise ToolFailure(Code.INVALID_ARGUMENT, "line_numbers needs lines: a range of bytes has no line numbers.")
