"""The short way for plain files tells the same as the long one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.paths.space import Space
from filewarden.workers.reading import piece, text_reading as reading
from filewarden.workers.text.part import Part
from filewarden.workers.text.text_facts import TextFacts


@pytest.mark.parametrize(
    ("content", "is_plain"),
    [
        (b"", True),
        (b"one", True),
        (b"one\n", True),
        (b"one\ntwo", True),
        (b"\xef\xbb\xbfone\n", True),
        (b"\n\n", True),
        (b"a\tb\x0c\n", True),
        (b"one\r\n", False),
        (b"one\rtwo", False),
        (b"bell\x07\n", False),
        (b"escape\x1b[0m\n", False),
        ("caf\u00e9\n".encode(), False),
        ("zero\u200bwidth\n".encode(), False),
        (b"x" * 70_000, False),
        (b"nul\0", False),
    ],
)
def test_both_ways_tell_the_same(
    content: bytes,
    is_plain: bool,
    root: Path,
    space: Space,
    make_context: Callable[..., Context],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (root / "file").write_bytes(content)
    context = make_context(space)
    taken = []

    def read() -> tuple[bytes, TextFacts]:
        with context.space.open_file("file") as handle:
            found = reading.read(context, handle, Part(encoding="utf-8"))
        return found.data, found.facts

    short_way = piece.plain

    def watched(*arguments: Any) -> piece.Reading | None:
        found = short_way(*arguments)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(reading, "plain", watched)
    one = read()
    monkeypatch.setattr(reading, "plain", lambda *_: None)
    assert one == read()
    assert taken == [is_plain]
