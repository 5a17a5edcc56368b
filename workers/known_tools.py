"""The tools that a worker has run, each looked up in the catalogue once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from filewarden.workers.catalogue import Catalogue
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tool import Operation, Stepping


class Known(NamedTuple):
    """What runs a tool, what decodes its arguments, and what runs it beside others, if anything does."""

    run: Operation
    decode: Callable[[bytes], Any]
    steps: Stepping | None


class KnownTools(dict[str, Known]):
    """By name; asking for one that the catalogue lacks raises ToolFailure."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def __missing__(self, name: str) -> Known:
        tool = self._catalogue.operation(name)
        if tool is None:
            raise ToolFailure(Code.UNSUPPORTED, "This worker does not know the tool.")
        known = self[name] = Known(tool.run, msgspec.msgpack.Decoder(tool.arguments).decode, tool.steps)
        return known
