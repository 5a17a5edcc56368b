"""A request that is answered without a task of its own: most are, for their answer is one piece."""

from filewarden.transports.http.reply import Reply


class Visit:
    """Stands where uvicorn's protocol has the cycle of a request, and has what the protocol looks at there."""

    __slots__ = ("disconnected", "keep_alive", "more_body", "reply", "response_complete", "response_started")

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.keep_alive = True
        self.more_body = False
        self.response_started = self.response_complete = self.disconnected = False

    def leave(self) -> None:
        """The client has left."""
        self.disconnected = True
        if self.reply is not None and self.reply.ends_with_client:
            self.reply.abandon()
