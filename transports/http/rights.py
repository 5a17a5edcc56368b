"""What keeps a principal from asking something, as endpoints see it: one question before any session sees a message."""

from collections.abc import Callable

from filewarden.broker.protocol.jsonrpc import Batch, Message
from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http.answer import Answer, problem

Refuse = Callable[[Principal, Message | Batch | None], Answer | None]
"""The answer to somebody who may not send that message, or, without one, may not use the endpoint at all."""


_GONE = problem(403, "nothing is served any more to whoever brings this credential")


def refuse_unserved(serves: Callable[[Principal], bool], refuse: Refuse) -> Refuse:
    """As `refuse`, and whoever came for a profile that has gone since they were let in."""

    def decide(principal: Principal, message: Message | Batch | None) -> Answer | None:
        return refuse(principal, message) if serves(principal) else _GONE

    return decide


def refuse_nobody(_principal: Principal, _message: Message | Batch | None) -> Answer | None:
    """Where whoever may come in may do everything."""
    return None
