"""The ASGI middleware before every endpoint: it asks the gate, and answers what may not pass."""

from starlette.types import ASGIApp, Receive, Scope, Send

from filewarden.transports.answer import send_answer
from filewarden.transports.fields import SCOPE_KEY, read_fields
from filewarden.transports.gate import Gate


class Guard:
    """Lets requests through to `app`, with their fields indexed in the scope."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide by the head alone; nothing of the body has been read."""
        fields = read_fields(scope["headers"])
        refusal = self._gate.refusal(scope["method"], scope["path"], fields)
        if refusal is not None:
            await send_answer(send, refusal)
            return
        scope[SCOPE_KEY] = fields
        await self._app(scope, receive, send)
