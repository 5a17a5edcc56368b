"""Why a request is refused before anything runs for it."""

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import AnyRequest
from filewarden.broker.protocol.messages import shown
from filewarden.broker.protocol.outcome import Asked
from filewarden.broker.protocol.terms import Terms

_NEEDED: dict[str, dict[str, object]] = {
    "elicitation/create": {"elicitation": {"form": {}}},
    "sampling/createMessage": {"sampling": {}},
    "roots/list": {"roots": {}},
}
"""What a client declares that answers a method of ours."""


def not_found(request: AnyRequest) -> ProtocolError:
    """For a method that the table lacks, or that needs what is not offered."""
    return ProtocolError(ErrorCode.METHOD_NOT_FOUND, f"Method not found: {shown(request.method)}")


def insist_on(is_offered: bool, request: AnyRequest) -> None:
    """Raise ProtocolError(-32601) for what is not offered."""
    if not is_offered:
        raise not_found(request)


def missing_capability(required: dict[str, object], why: str) -> ProtocolError:
    """For a modern client that does not declare what the request needs."""
    return ProtocolError(
        ErrorCode.MISSING_CLIENT_CAPABILITY,
        f"Missing required client capability: {why}",
        {"requiredCapabilities": required},
    )


def cannot_ask(asked: Asked, terms: Terms) -> ProtocolError | None:
    """Why the client cannot be asked all of that; None when it can."""
    missing = {request.method for request in asked.requests.values()} - set(terms.askable)
    if not missing:
        return None
    required = {name: value for method in sorted(missing) for name, value in _NEEDED[method].items()}
    return missing_capability(required, "this call has to ask the client")
