"""A run of a file that was read: made fit to be shown, and told about."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from filewarden.workers.paths.handle import Handle, has_changed
from filewarden.workers.reading import known_facts
from filewarden.workers.text.decoding import MARK_BYTES, Decoded, Encoding, decode, measure, settle
from filewarden.workers.text.excerpt import Clip, View
from filewarden.workers.text.hidden_characters import count_controls, count_invisible
from filewarden.workers.text.part import Part
from filewarden.workers.text.text_facts import TextFacts

if TYPE_CHECKING:
    from filewarden.workers.context import Context

NUMBERED_LINE_CHARS = 2000
"""How much of a line is shown where lines are numbered, which is a view for reading, not for copying."""
_WIDEST = 3
"""Times `max_file_bytes`: what a frame holds, as a byte may become three in UTF-8 and a number precede each line."""
_SAMPLE_BYTES = 65536
PLAIN_BYTES = 65536
"""Up to here a text is small: everything about it is found out at once."""
_RETURN = ord("\r")
_CHANGED = "The file changed while it was read."

_Value = TypeVar("_Value")


class Reading(msgspec.Struct):
    """What was read: `data` is text in UTF-8, or, where it is binary, the bytes as they are."""

    data: bytes
    told: TextFacts | Callable[[], TextFacts]
    """A call where it takes its time to find the facts out."""
    is_binary: bool = False

    @property
    def facts(self) -> TextFacts:
        """What is told about it."""
        if callable(self.told):
            self.told = self.told()
        return self.told


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a file, decoded and perhaps made fit to be shown."""

    decoded: Decoded
    text: bytes
    start: int
    end: int
    """Positions in the file."""
    size: int
    lines: int | None
    """None where they have not been counted."""
    first: int | None = None
    is_range: bool = True
    is_complete: bool = True
    has_more: bool = False
    is_inside_line: bool = False
    """Whether it ends inside a line, so that no line number tells where to go on."""
    clips: tuple[Clip, ...] = ()
    clipped: int = 0


def plain(handle: Handle, text: bytes, encoding: Encoding) -> Reading | None:
    """A small file of UTF-8 as it is, when there is nothing more to tell: most of what is ever read.

    None where there may be: `told` looks closer.
    """
    if len(text) > PLAIN_BYTES or 0 in text or not text.isascii() or _RETURN in text:
        return None
    if count_controls(text) or has_changed(handle):
        return None
    feeds = text.count(b"\n")
    is_ended = text.endswith(b"\n")
    return Reading(
        text,
        TextFacts(
            path=handle.path,
            size=encoding.bom + len(text),
            encoding="utf-8",
            binary=False,
            bom=encoding.bom > 0,
            line_ending="lf" if feeds else None,
            final_newline=is_ended if text else None,
            offset=1,
            lines=feeds + (bool(text) and not is_ended),
        ),
    )


def told(context: "Context", handle: Handle, part: Part, piece: Piece, encoding: Encoding) -> Reading:
    is_changed = has_changed(handle)
    if part.has_view:
        piece = _fitted(context, part, piece)
    find = partial(_facts, handle.path, piece, encoding, is_changed=is_changed)
    if is_changed or part.has_view or not part.is_whole or len(piece.text) <= PLAIN_BYTES:
        return Reading(piece.text, find)
    return Reading(piece.text, known_facts.of(handle, part.encoding) or partial(_find_and_keep, find, handle, part))


def _find_and_keep(find: Callable[[], TextFacts], handle: Handle, part: Part) -> TextFacts:
    facts = find()
    known_facts.keep(handle, part.encoding, facts)
    return facts


def _facts(path: str, piece: Piece, encoding: Encoding, *, is_changed: bool) -> TextFacts:
    text = piece.decoded.text
    controls, invisible = count_controls(text), 0 if piece.decoded.is_ascii else count_invisible(text)
    reaches_end = not piece.has_more and bool(text)
    return TextFacts(
        path=path,
        size=piece.size,
        encoding=piece.decoded.encoding,
        binary=False,
        bom=encoding.bom > 0,
        encoding_confidence=_unset(piece.decoded.confidence),
        line_ending=_line_ending(_whole_endings(piece, encoding)),
        final_newline=text.endswith((b"\n", b"\r")) if reaches_end else None,
        offset=piece.first,
        lines=count_lines(text) if piece.lines is None else piece.lines,
        truncated=not piece.is_complete,
        next_offset=_unset(_next_line(piece)),
        byte_offset=_unset(piece.start if piece.is_range else None),
        next_byte_offset=_unset(piece.end if piece.has_more else None),
        clipped_lines=_unset(piece.clipped or None),
        clips=_unset(piece.clips or None),
        control_characters=_unset(controls or None),
        invisible_characters=_unset(invisible or None),
        changed_during_read=is_changed,
        notice=_unset(_notice(piece, controls, invisible, is_changed=is_changed)),
    )


def _next_line(piece: Piece) -> int | None:
    if not piece.has_more or piece.first is None or piece.lines is None:
        return None
    return piece.first + piece.lines


def _notice(piece: Piece, controls: int, invisible: int, *, is_changed: bool) -> str | None:
    hidden = [f"{count} {kind}" for count, kind in ((invisible, "invisible"), (controls, "control")) if count]
    return _sentences(
        None if piece.is_complete else _cut(piece),
        f"The text contains {' and '.join(hidden)} character(s), passed on as they are." if hidden else None,
        _CHANGED if is_changed else None,
    )


def _sentences(*told: str | None) -> str | None:
    """One notice of what there is to be told."""
    return f"[{' '.join(filter(None, told))}]" if any(told) else None


def _cut(piece: Piece) -> str:
    next_line = _next_line(piece)
    if piece.is_inside_line or next_line is None:
        return _cut_at(piece.start, piece.end, has_more=piece.has_more)
    return f"Cut: the answer is full, or the time was up; go on with offset={next_line}."


def _cut_at(start: int, end: int, *, has_more: bool) -> str:
    if has_more:
        return f"Cut: the answer is full; the rest begins at byte_offset={end}."
    return f"Cut: the asked lines are longer than an answer may be; this begins at byte_offset={start}."


def _fitted(context: "Context", part: Part, piece: Piece) -> Piece:
    """Number and clip the lines; the numbers may leave no room for the last of them."""
    view = View(
        numbered=part.line_numbers,
        max_line_chars=part.max_line_chars or NUMBERED_LINE_CHARS,
        room=_WIDEST * context.limits.max_file_bytes,
        measure=measure(piece.decoded.encoding),
    )
    excerpt = view.show(piece.text, piece.first, piece.start)
    fitted = msgspec.structs.replace(piece, text=excerpt.text, clips=excerpt.clips, clipped=excerpt.clipped)
    if excerpt.lines == count_lines(piece.text):
        return fitted
    end = piece.start + excerpt.source_bytes
    return msgspec.structs.replace(
        fitted, lines=excerpt.lines, end=end, is_complete=False, has_more=True, is_inside_line=False
    )


def _unset(value: _Value | None) -> _Value | msgspec.UnsetType:
    return msgspec.UNSET if value is None else value


def binary(
    handle: Handle,
    data: bytes,
    encoding: Encoding,
    *,
    size: int | None = None,
    start: int | None = None,
    is_complete: bool = True,
    has_more: bool = False,
) -> Reading:
    is_changed = has_changed(handle)
    cut = None
    if not is_complete and start is not None:
        cut = _cut_at(start, start + len(data), has_more=has_more)
    facts = TextFacts(
        path=handle.path,
        size=handle.stat.st_size if size is None else size,
        encoding=encoding.name,
        binary=True,
        lines=0,
        truncated=not is_complete,
        byte_offset=_unset(start),
        next_byte_offset=_unset(start + len(data) if has_more and start is not None else None),
        changed_during_read=is_changed,
        notice=_unset(_sentences(cut, None if start else _mark(data, encoding), _CHANGED if is_changed else None)),
    )
    return Reading(data, facts, is_binary=True)


def _mark(data: bytes, encoding: Encoding) -> str | None:
    """Say what a byte-order mark does at the beginning of what is no text in the encoding that was asked for."""
    marked = settle("auto", data[:MARK_BYTES])
    if not marked.bom or encoding.bom:
        return None
    if decode(data[marked.bom : _SAMPLE_BYTES], marked, is_cut=True) is None:
        return None  # nor is it text in that: other files begin with these bytes too
    return f"It begins with the byte-order mark of {marked.name}: encoding=auto reads it as that."


def count_lines(text: bytes) -> int:
    return text.count(b"\n") + (bool(text) and not text.endswith(b"\n"))


def _whole_endings(piece: Piece, encoding: Encoding) -> bytes:
    """The beginning of a piece, less halves of line ends that it begins and ends with."""
    text = piece.decoded.text
    sample = text[:_SAMPLE_BYTES]
    if piece.has_more or len(text) > _SAMPLE_BYTES:
        sample = sample.removesuffix(b"\r")
    is_from_anywhere = piece.is_inside_line and piece.start > encoding.bom
    return sample.removeprefix(b"\n") if is_from_anywhere else sample


def _line_ending(text: bytes) -> str | None:
    if _RETURN not in text:
        return "lf" if b"\n" in text else None
    feeds, returns = text.count(b"\n"), text.count(b"\r")
    pairs = text.count(b"\r\n")
    if pairs == feeds == returns:
        return "crlf"
    return "cr" if not feeds else "mixed"
