"""What a worker's frame says about the call that it ends, decoded as the bytes of somebody hostile. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec

from filewarden.broker.process import Violation
from filewarden.broker.protocol.long_text import LongText
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Succeeded
from filewarden.workers import wire
from filewarden.workers.tool import Kind, Tool
from filewarden.workers.wire import Answer, Ending, Question, WireError

_STRUCTURED, _TEXT = Kind.STRUCTURED, Kind.TEXT


class AnswerReader:
    """Keeps one decoder for each tool."""

    def __init__(self) -> None:
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {}

    def outcome(
        self, tool: Tool, frame: Ending, fetch: Callable[[int], LongText], begun: tuple[memoryview, ...] = ()
    ) -> Outcome:
        """How the call of `tool` ended, `begun` being what arrived of its text before.

        `fetch` gets what lies on the shelf of its worker, and raises Violation.

        Raises:
            Violation: the frame does not fit the tool.
        """
        if not isinstance(frame, Answer):
            return _asked(frame) if isinstance(frame, Question) else Failed(frame.code, frame.message, frame.details)
        payload = frame.payload
        if (tool.kind is _STRUCTURED) != (payload is None):
            raise Violation("an answer of the wrong kind")
        decoder = self._decoders.get(tool.name) or self._new_decoder(tool)
        try:
            result = decoder.decode(frame.body)
            if payload is None:
                return Succeeded(result if tool.folded is None else result.unfold())
            if isinstance(payload, int):
                if tool.kind is not _TEXT or begun:
                    raise Violation("an answer on a shelf that does not belong there")
                return Succeeded(result, fetch(payload))
            if tool.kind is _TEXT:
                return Succeeded(result, str(payload, "utf-8"), None, begun)
            return Succeeded(result, None, wire.unpack_blocks(payload))
        except (ValueError, RecursionError, WireError) as error:  # what cannot be decoded is a ValueError, too
            raise Violation("an answer that does not fit its tool", error) from None

    def _new_decoder(self, tool: Tool) -> msgspec.msgpack.Decoder[Any]:
        decoder = self._decoders[tool.name] = msgspec.msgpack.Decoder(tool.folded or tool.result)
        return decoder


def _asked(question: Question) -> Asked:
    try:
        return Asked(wire.unpack_requests(question), question.state)
    except WireError as error:
        raise Violation(error.what, error.detail) from None
