"""A finished HTTP answer as a value, and the two ASGI messages, or the bytes, that it becomes."""

from http import HTTPStatus

import msgspec
from starlette.types import Send

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, RequestId
from filewarden.broker.protocol.response import error_response
from filewarden.transports.http.date import NAME as DATE, date_now

Header = tuple[bytes, bytes]

_COMMON: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
JSON = b"application/json"
RETRY_AFTER: Header = (b"retry-after", b"5")
CLOSE: Header = (b"connection", b"close")


class Answer(msgspec.Struct, frozen=True):
    """A status, a body or none, and what headers it needs beside the usual ones."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()
    media_type: bytes = JSON

    def all_headers(self) -> list[Header]:
        """Everything that goes before the body."""
        length = (b"content-length", b"%d" % len(self.body))
        content_type = ((b"content-type", self.media_type),) if self.body else ()
        return [*_COMMON, *content_type, length, *self.headers]


def problem(status: int, sentence: str, *headers: Header, request_id: RequestId | None = None) -> Answer:
    """A refusal: a JSON-RPC error, without an id where none was read."""
    error = ProtocolError(ErrorCode.INVALID_REQUEST, f"Invalid request: {sentence}")
    return Answer(status, error_response(error, request_id), headers)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send it through ASGI."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.all_headers()})
    await send({"type": "http.response.body", "body": answer.body})


def on_the_wire(answer: Answer, *, closes: bool = True) -> bytes:
    """HTTP/1.1, for a connection that is closed afterwards or not."""
    if not closes and answer.status == 200 and not answer.headers and answer.media_type is JSON and answer.body:
        return _DOCUMENT % (date_now(), len(answer.body), answer.body)
    return _head(answer, date_now(), closes=closes) + answer.body


def _head(answer: Answer, date: bytes, *, closes: bool) -> bytes:
    reason = HTTPStatus(answer.status).phrase
    head = [b"HTTP/1.1 %d %s" % (answer.status, reason.encode()), b": ".join((DATE, date))]
    head += [name + b": " + value for name, value in answer.all_headers()]
    if closes and CLOSE not in answer.headers:
        head.append(b": ".join(CLOSE))
    return b"\r\n".join([*head, b"", b""])


_DOCUMENT = _head(Answer(200, b"x"), b"%b", closes=False).replace(b"length: 1", b"length: %d") + b"%b"
"""The usual one: its date, its length, and its body."""
TOO_MUCH = problem(503, "too much is being sent at once; try again", RETRY_AFTER)
"""To a body that does not fit beside all that other clients are sending."""


def farewell(request_id: RequestId | None = None) -> Answer:
    """To whoever would begin something with a server that is about to stop: a load balancer takes it to another one."""
    return problem(503, "the server is about to stop; ask again", RETRY_AFTER, CLOSE, request_id=request_id)
