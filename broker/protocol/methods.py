"""What each method of an opened legacy conversation answers; a method that is not in the table does not exist."""

from collections.abc import Callable

from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import Request
from filewarden.broker.protocol.messages import (
    CALL_PARAMS,
    LIST_PARAMS,
    PARAMS,
    CallParams,
    Params,
    decode_params,
    is_modern,
    shown,
)
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.protocol.response import result_response
from filewarden.broker.protocol.revisions import Revision
from filewarden.broker.protocol.shape import call_response
from filewarden.workers.errors import ToolFailure

Answer = bytes | StartCall
"""A finished response, or a call whose response comes later."""


def ping(request: Request) -> bytes:
    """Legal at any time, so it asks for neither an offer nor a revision."""
    _insist_on_legacy(decode_params(PARAMS, request.params))
    return result_response(request.id, b"{}")


def list_tools(request: Request, offer: Offer, revision: Revision) -> bytes:
    """There is one page, so no cursor was ever handed out."""
    params = decode_params(LIST_PARAMS, request.params)
    _insist_on_legacy(params)
    if params.cursor is not None:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, "Invalid params: unknown cursor; the list has one page")
    return result_response(request.id, offer.tools_list(revision))


def call_tool(request: Request, offer: Offer, revision: Revision) -> Answer:
    """Arguments that fail their check are the model's to mend: they end in a tool result, not in an error."""
    params = decode_params(CALL_PARAMS, request.params)
    _insist_on_legacy(params)
    tool = offer.find_tool(params.name)
    if tool is None:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, f"Unknown tool: {shown(params.name)}")
    try:
        arguments = tool.check(_argument_object(params))
    except ToolFailure as failure:
        refusal = Failed(failure.code, failure.message, failure.details)
        return call_response(request.id, tool.name, refusal, revision)
    except RecursionError:
        raise ProtocolError(ErrorCode.PARSE_ERROR, "Parse error: nested too deeply") from None
    return StartCall(
        request_id=request.id, tool=tool.name, arguments=arguments, progress_token=params.meta.progress_token
    )


def refuse(request: Request) -> ProtocolError:
    """For a method that the table lacks."""
    return _wrong_era() if is_modern(request.params) else not_found(request)


def not_found(request: Request) -> ProtocolError:
    """Also what a client of the modern era needs to hear to fall back to `initialize`."""
    return ProtocolError(ErrorCode.METHOD_NOT_FOUND, f"Method not found: {shown(request.method)}")


METHODS: dict[str, Callable[[Request, Offer, Revision], Answer]] = {
    "tools/call": call_tool,
    "tools/list": list_tools,
}


def _argument_object(params: CallParams) -> bytes:
    arguments = bytes(params.arguments)
    if arguments[:1] != b"{":
        raise ProtocolError(ErrorCode.INVALID_PARAMS, 'Invalid params: "arguments" must be an object')
    return arguments


def _insist_on_legacy(params: Params) -> None:
    if params.is_modern:
        raise _wrong_era()


def _wrong_era() -> ProtocolError:
    sentence = "Invalid request: this connection is opened with initialize and takes no protocol version in _meta"
    return ProtocolError(ErrorCode.INVALID_REQUEST, sentence)
