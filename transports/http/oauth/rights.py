"""What a request needs of its principal: a pure function of the message, asked before any session sees it."""

from collections.abc import Mapping

import msgspec

from filewarden.broker.protocol.errors import ProtocolError
from filewarden.broker.protocol.jsonrpc import Batch, Message, Request, ToolCall, members
from filewarden.broker.protocol.principal import WRITE_SCOPE, Principal
from filewarden.transports.http.answer import Answer
from filewarden.transports.http.oauth.challenge import Challenges


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


_NAMED = msgspec.json.Decoder(_Named)


class Rights:
    """Every request needs the `required` scopes; a call of one of the `writing_tools` of its profile needs more."""

    def __init__(
        self, required: tuple[str, ...], writing_tools: Mapping[str, frozenset[str]], challenges: Challenges
    ) -> None:
        self._required = required
        self._challenges = challenges
        self.renew(writing_tools)

    def renew(self, writing_tools: Mapping[str, frozenset[str]]) -> None:
        """Know the tools that write now."""
        self._writing_tools = writing_tools

    def refusal(self, principal: Principal, message: Message | Batch | None = None) -> Answer | None:
        """The answer to somebody who may not ask that, with everything that it needs; None for others."""
        if principal.scopes is None:
            return None
        needed = self._required
        writing = self._writing_tools.get(principal.profile, frozenset())
        if message is not None and _is_writing(message, writing) and WRITE_SCOPE not in needed:
            needed = (*needed, WRITE_SCOPE)
        return self._challenges.insufficient(needed) if principal.lacks(needed) else None


def _is_writing(message: Message | Batch, writing: frozenset[str]) -> bool:
    if isinstance(message, Batch):
        try:
            return any(_is_writing(each, writing) for each in members(message))
        except ProtocolError:
            return False  # nothing in it will be run
    if isinstance(message, ToolCall):
        return message.params.name in writing
    return isinstance(message, Request) and message.method == "tools/call" and _tool(message) in writing


def _tool(request: Request) -> str:
    """The tool that a call names; "" where the call is none, which the session will say."""
    try:
        return _NAMED.decode(request.params).name
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
