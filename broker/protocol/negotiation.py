"""What a connection speaks: its era, the revision, and the terms that hold for its requests.

The legacy era is opened by `initialize`, and what was negotiated holds from then on. In the modern one every request
brings its own terms. Where both are allowed, the first request decides; a probe decides nothing.
"""

from enum import Enum

import msgspec
from msgspec import UNSET

from filewarden.broker.protocol.calls import call_tool
from filewarden.broker.protocol.envelope import (
    client_name,
    has_envelope,
    read_envelope,
    terms_of,
    unsupported,
)
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import READ, AnyRequest, Ping, Request, ToolCall
from filewarden.broker.protocol.messages import (
    CAPABILITIES,
    INITIALIZE_PARAMS,
    LEVEL_PARAMS,
    PARAMS,
    clipped_name,
    decode_open,
    decode_params,
    is_empty,
)
from filewarden.broker.protocol.methods import LEGACY_METHODS, MODERN_METHODS, Answer
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.refusals import not_found
from filewarden.broker.protocol.response import result_response
from filewarden.broker.protocol.revisions import LEGACY, MODERN, OLDEST, Era, Revision, negotiate
from filewarden.broker.protocol.terms import Terms
from filewarden.workers.note_level import NoteLevel


class Eras(Enum):
    """Which eras a connection may speak."""

    BOTH = "both"
    """The first request decides."""
    LEGACY = "legacy"
    MODERN = "modern"


class Negotiation:
    """Finds the method that serves a request, and the terms it is served on."""

    def __init__(self, offer: Offer, eras: Eras) -> None:
        self.revision: Revision | None = None
        """What `initialize` agreed on; None before that, and in the modern era."""
        self.era = {Eras.LEGACY: Era.LEGACY, Eras.MODERN: Era.MODERN}.get(eras)
        """None until the first request has decided."""
        self.client_name = ""
        """What the client calls itself, once it has told: for people to read."""
        self._allows_both = eras is Eras.BOTH
        self._offer = offer
        self._terms: Terms | None = None

    def answer(self, request: AnyRequest) -> Answer:
        """Serve a request.

        Raises:
            ProtocolError: it cannot be served here.
        """
        if self.era is LEGACY:
            return self._answer_legacy(request)
        if self.era is MODERN:
            return self._answer_modern(request)
        return self._answer_first(request)

    def _answer_first(self, request: AnyRequest) -> Answer:
        if isinstance(request, Request) and request.method == "initialize":
            opened = self._initialize(request)
            self.era = Era.LEGACY
            return opened
        if not has_envelope(request):
            return self._answer_legacy(request)
        terms = terms_of(read_envelope(request))
        if request.method != "server/discover":
            self.era = Era.MODERN
            self.client_name = client_name(request)
        return self._answer_on(request, terms)

    def _answer_modern(self, request: AnyRequest) -> Answer:
        if isinstance(request, Request) and self._is_late(request):
            raise unsupported(_requested_version(request))
        return self._answer_on(request, terms_of(read_envelope(request)))

    def _is_late(self, request: Request) -> bool:
        """Whether it would open the other era, where both are spoken."""
        return request.method == "initialize" and self._allows_both and not has_envelope(request)

    def _answer_on(self, request: AnyRequest, terms: Terms) -> Answer:
        if isinstance(request, ToolCall):
            return call_tool(request, self._offer, terms)
        method = MODERN_METHODS.get(request.method)
        if method is None or isinstance(request, Ping):
            raise not_found(request)
        return method(request, self._offer, terms)

    def _answer_legacy(self, request: AnyRequest) -> Answer:
        if not isinstance(request, READ):
            return self._answer_other_legacy(request)
        if request.params.meta.version is not UNSET:
            raise _out_of_era()
        if not isinstance(request, ToolCall):
            return result_response(request.id, b"{}")
        if self._terms is None:
            raise _unopened()
        return call_tool(request, self._offer, self._terms)

    def _answer_other_legacy(self, request: Request) -> Answer:
        if request.method != "initialize" and has_envelope(request):
            raise _out_of_era()
        method = LEGACY_METHODS.get(request.method)
        if method is not None and self._terms is not None:
            return method(request, self._offer, self._terms)
        return self._answer_about_session(request)

    def _answer_about_session(self, request: Request) -> bytes:
        if request.method == "ping":
            decode_params(PARAMS, request.params)
            return result_response(request.id, b"{}")
        if request.method == "initialize":
            return self._initialize(request)
        if self._terms is None:
            raise _unopened()
        if request.method == "logging/setLevel" and self._offer.abilities.logging:
            level = decode_params(LEVEL_PARAMS, request.params).level
            self._terms = msgspec.structs.replace(self._terms, log_level=NoteLevel[level.upper()])
            return result_response(request.id, b"{}")
        raise not_found(request)

    def _initialize(self, request: Request) -> bytes:
        if self.revision is not None:
            raise invalid("already initialized")
        askable: tuple[str, ...] = ()
        if is_empty(request.params):
            revision = OLDEST
        else:
            params = decode_params(INITIALIZE_PARAMS, request.params)
            revision = negotiate(params.version)
            self.client_name = clipped_name(params.client.name)
            capabilities = decode_open(CAPABILITIES, params.capabilities, "capabilities")
            askable = capabilities.askable(has_elicitation=revision.has_elicitation)
        self.revision = revision
        level = NoteLevel.WARNING if self._offer.abilities.logging else None
        self._terms = Terms(revision=revision, askable=askable, log_level=level)
        return result_response(request.id, self._offer.initialize_result(revision))


def invalid(what: str) -> ProtocolError:
    """For a request that is none, or not now."""
    return ProtocolError(ErrorCode.INVALID_REQUEST, f"Invalid request: {what}")


def _out_of_era() -> ProtocolError:
    return invalid("this connection is opened with initialize and takes no protocol version in _meta")


def _unopened() -> ProtocolError:
    return invalid("initialize first")


def _requested_version(request: Request) -> str:
    try:
        return decode_params(INITIALIZE_PARAMS, request.params).version
    except ProtocolError:
        return ""
