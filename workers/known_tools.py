"""The tools that a worker has run, each looked up in the catalogue once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from filewarden.workers.catalogue import Catalogue
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.operations import FOR_THE_SERVER
from filewarden.workers.tool import Operation, Stepping


class Known(NamedTuple):
    """What runs a tool, what decodes its arguments, and what runs it beside others, if anything does."""

    run: Operation
    decode: Callable[[bytes], Any]
    steps: Stepping | None
    is_shown: bool
    """Whether a client is shown what it answers."""


class KnownTools(dict[str, Known]):
    """By name; asking for one that the catalogue lacks raises ToolFailure."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def __missing__(self, name: str) -> Known:
        tool = self._catalogue.operation(name)
        if tool is None:
            raise ToolFailure(Code.UNSUPPORTED, "This worker does not know the tool.")
        decode = msgspec.msgpack.Decoder(tool.arguments).decode
        known = self[name] = Known(tool.run, decode, tool.steps, tool.result not in FOR_THE_SERVER)
        return known
