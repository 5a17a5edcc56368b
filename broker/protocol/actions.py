"""What a session asks of its driver, and the exchange that gathers what one frame is answered with."""

import msgspec

from filewarden.broker.protocol.errors import RequestId


class StartCall(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Run a tool, then hand this very object back to `Session.complete`.

    A client may use the id again after a cancel, so a call is known by identity, never by its id.
    """

    request_id: RequestId
    tool: str
    arguments: msgspec.Struct
    progress_token: RequestId | None


class CancelCall(msgspec.Struct, frozen=True, eq=False):
    """Stop a call; its request gets no response."""

    call: StartCall
    ended: "Exchange | None"
    """The exchange the call belonged to, when nothing else of it is still running."""


Action = StartCall | CancelCall


class Exchange(msgspec.Struct, eq=False):
    """One frame from the client and the one frame, at most, that answers it."""

    actions: list[Action] = []
    responses: list[bytes] = []
    running: int = 0
    """Calls started by this frame that have not ended."""
    is_batch: bool = False
    is_refused: bool = False
    """The frame is no valid message, so nothing in it was looked at; over HTTP that is status 400."""

    @property
    def answer(self) -> bytes | None:
        """The frame to send: None while calls are running, and None when nothing is to be sent at all."""
        if self.running or not self.responses:
            return None
        if self.is_batch:
            return b"[" + b",".join(self.responses) + b"]"
        return self.responses[0]
