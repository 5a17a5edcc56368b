"""Which way a request to the one HTTP endpoint goes: protocol eras and sessions told apart, as a pure decision."""

from enum import Enum

from filewarden.broker.protocol.envelope import has_envelope
from filewarden.broker.protocol.jsonrpc import AnyRequest, Batch, Message, Notification, Request
from filewarden.broker.protocol.revisions import REVISIONS, Era

LEGACY_VERSIONS = frozenset(each.name.encode() for each in REVISIONS.values() if each.era is Era.LEGACY)


class Way(Enum):
    """Who answers."""

    MODERN = "modern"
    """Every request stands for itself; no session."""
    SESSION = "session"
    """The session that the request names."""
    OPENING = "opening"
    """A new session."""
    LOST = "lost"
    """Nobody: a session is needed, and none was named."""


def way_of(version: bytes | None, session_id: bytes | None, message: Message | Batch | None) -> Way:
    """Decide by the version header, the session header and the body (None for a method without one), in this order."""
    if version is not None and version not in LEGACY_VERSIONS:
        return Way.MODERN
    if isinstance(message, AnyRequest | Notification) and has_envelope(message):
        return Way.MODERN
    if session_id is not None:
        return Way.SESSION
    if isinstance(message, Request) and message.method == "initialize":
        return Way.OPENING
    return Way.LOST
