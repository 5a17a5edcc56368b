"""The JSON of a long text, by either encoder."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from filewarden.broker.protocol import text_json
from filewarden.broker.protocol.response import encode

EVERY_KIND = "".join(map(chr, (*range(0x300), 0x2028, 0x20AC, 0xFFFD, 0xFFFF, 0x1F600, 0x10FFFF)))


@pytest.fixture(params=["with orjson", "without it"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with monkeypatch.context() as patch:
        if request.param == "without it":
            patch.setitem(sys.modules, "orjson", None)
        found = importlib.reload(text_json)
        assert (found.encode_text is encode) == (request.param == "without it")
        yield found
    importlib.reload(text_json)


@pytest.mark.parametrize("text", ["", "x", EVERY_KIND, EVERY_KIND * 300])
def test_it_is_what_stands_between_the_quotes(text: str, module: ModuleType) -> None:
    assert b'"%b"' % module.inside(text) == encode(text)
