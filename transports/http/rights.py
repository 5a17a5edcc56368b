"""What keeps a principal from asking something, as endpoints see it: one question before any session sees a message."""

from collections.abc import Callable

from filewarden.broker.protocol.jsonrpc import Batch, Message
from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http.answer import Answer

Refuse = Callable[[Principal, Message | Batch | None], Answer | None]
"""The answer to somebody who may not send that message, or, without one, may not use the endpoint at all."""


def refuse_nobody(_principal: Principal, _message: Message | Batch | None) -> Answer | None:
    """Where whoever may come in may do everything."""
    return None
