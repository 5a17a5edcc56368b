"""A large file about which everything is known: it is read onto the shelf, or found to lie there still."""

import codecs
import contextlib
import os
from typing import TYPE_CHECKING

from filewarden.workers.paths.handle import Handle, has_changed
from filewarden.workers.reading import known_facts
from filewarden.workers.text.part import Part
from filewarden.workers.tool import Text

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_LOOKED_AT_BYTES = 128 * 1024
"""At a time: what a processor has at hand."""


def read_known(context: "Context", handle: Handle, part: Part) -> Text | None:
    """The text of an open file, on the shelf; None where it has to be read like any other."""
    if context.shelf is None or part.has_view or not part.is_whole:
        return None
    facts = known_facts.of(handle, part.encoding)
    if facts is None or facts.encoding != "utf-8" or facts.bom:
        return None
    with contextlib.suppress(OSError):  # whoever reads it like any other says so
        shelf = context.shelf
        text = shelf.read(handle.fd, facts.size)
        if text is not None and (shelf.is_same or _is_text(text)) and not has_changed(handle):
            shelf.give(facts.size)
            return Text(text=facts.size, facts=facts)
    os.lseek(handle.fd, 0, os.SEEK_SET)
    return None


def _is_text(data: memoryview) -> bool:
    """Whether it is text in UTF-8 still: a file can change while its stamps stay, by a mapping of it."""
    begin = 0
    try:
        while begin < len(data):
            end = min(begin + _LOOKED_AT_BYTES, len(data))
            text, used = codecs.utf_8_decode(data[begin:end], "strict", end == len(data))
            if "\0" in text:
                return False
            begin += used
    except UnicodeDecodeError:
        return False
    return True
