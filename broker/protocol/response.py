"""The bytes of one response: an id with a result, or an id with an error."""

import msgspec

from filewarden.broker.protocol.errors import ProtocolError, RequestId

encode = msgspec.json.Encoder().encode
"""Any JSON value to compact UTF-8; NaN and the infinities become null."""

HEAD = b'{"jsonrpc":"2.0","id":'
RESULT = b',"result":'


def result_response(request_id: RequestId, result: bytes) -> bytes:
    """Wrap a finished JSON object."""
    return b"".join((HEAD, encode(request_id), RESULT, result, b"}"))


def error_response(error: ProtocolError, request_id: RequestId | None, *, null_id: bool = False) -> bytes:
    """Without a readable id the member is absent, or null where the revision requires it (`null_id`)."""
    body: dict[str, object] = {"jsonrpc": "2.0"}
    if request_id is not None or null_id:
        body["id"] = request_id
    body["error"] = failure = {"code": error.code, "message": error.message}
    if error.data is not None:
        failure["data"] = error.data
    return encode(body)
