"""What is told about a text that was read, beside the text itself."""

import msgspec

from filewarden.workers.text.excerpt import Clip


class TextFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one reading of one file."""

    path: str
    size: int
    """Of the whole file, in bytes."""
    encoding: str
    binary: bool
    bom: bool = False
    """Whether a byte-order mark was left out of the text."""
    encoding_confidence: float | msgspec.UnsetType = msgspec.UNSET
    """How sure the detector is, 0 to 1; only where the encoding was detected."""
    line_ending: str | None = None
    """`lf`, `crlf`, `cr` or `mixed`, judged by the first 64 KiB of the text."""
    final_newline: bool | None = None
    """Whether the file's last line is ended; null where the text does not reach it."""
    offset: int | None = None
    """The number of the first line; null when it is not known (`tail`, byte ranges)."""
    lines: int
    truncated: bool = False
    """Whether the size limit or the deadline cut the range short."""
    next_offset: int | msgspec.UnsetType = msgspec.UNSET
    byte_offset: int | msgspec.UnsetType = msgspec.UNSET
    """Where in the file the text begins; only for ranges."""
    next_byte_offset: int | msgspec.UnsetType = msgspec.UNSET
    """Where the file goes on after a range."""
    clipped_lines: int | msgspec.UnsetType = msgspec.UNSET
    """How many lines were shown in part."""
    clips: tuple[Clip, ...] | msgspec.UnsetType = msgspec.UNSET
    control_characters: int | msgspec.UnsetType = msgspec.UNSET
    """How many there are besides tab and line ends; they are passed on as they are."""
    invisible_characters: int | msgspec.UnsetType = msgspec.UNSET
    """How many are drawn as nothing or change the order of others; they are passed on as they are."""
    changed_during_read: bool = False
    notice: str | msgspec.UnsetType = msgspec.UNSET
    """What whoever reads the text must know, in sentences; it stands in a block after the text too."""
