"""One HTTP connection as far as it reads requests: heads within bounds, and bodies whatever stands around them.

uvicorn's httptools protocol, which tells the parser of the body again where it took an offer of another protocol.
"""

import contextlib
import sys

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from filewarden.transports.http.answer import Answer, problem
from filewarden.transports.http.head import coding_problem, head_of_body, with_host_of
from filewarden.transports.http.listener_state import ListenerState
from filewarden.transports.http.own_loop import OwnLoop
from filewarden.transports.http.peer import SCOPE_KEY
from filewarden.transports.http.unchunked import Unchunked
from filewarden.transports.http.uvicorn_parts import Config, HttpToolsProtocol, RequestResponseCycle


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds for one connection, and how many there may be."""

    connections: int
    most_of_one: int = sys.maxsize
    """How many of them one principal can keep, though others come."""
    head_bytes: int = 65_536
    head_fields: int = 100
    request_s: float = 30.0
    """For a request to arrive as a whole."""
    stalled_s: float = 60.0
    """For a client to take some of what is sent to it."""


class RefusedError(Exception):
    """Stops the HTTP parser."""


class ReadingConnection(HttpToolsProtocol):
    """Refuses heads that are too large, and what is no HTTP."""

    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # none at first

    def __init__(self, config: Config, state: ListenerState, loop: OwnLoop, limits: ConnectionLimits) -> None:
        super().__init__(config, state, {}, loop)  # type: ignore[arg-type]
        self._limits = limits
        self._is_head_open = False
        self._is_request_open = False
        self._bare_bytes = 0
        """What came of the request, in pieces of their own, since the last of its body: head, extensions, trailer."""
        self._fields_bytes = 0
        self._is_offer = False
        """Whether the head offers another protocol: the parser takes the offer, so it is told of the body anew."""
        self._refusal: Answer | None = None

    def _refuse(self, answer: Answer) -> None:
        """Answer what cannot be read, and read no further."""
        raise NotImplementedError

    def _feed(self, data: bytes) -> None:
        """Parse it. Offers of another protocol are ignored, as a server may (RFC 9110, 7.8)."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self._refuse(self._refusal or problem(400, "this is no valid HTTP request"))
        except HttpParserUpgrade as offer:
            closes = self.cycle is None or not self.cycle.keep_alive
            self._begin_anew()
            self._feed(head_of_body(self.headers, closes=closes) + data[offer.args[0] :])

    def _begin_anew(self) -> None:
        """Parse with another one, made as uvicorn does: one takes nothing after a request that ends its connection."""
        self.parser = HttpRequestParser(self)
        with contextlib.suppress(AttributeError):  # in older ones
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def on_message_begin(self) -> None:
        """A request starts."""
        if self._is_offer:
            return
        super().on_message_begin()
        self.scope[SCOPE_KEY] = self  # type: ignore[literal-required]
        self._is_head_open = self._is_request_open = True
        self._bare_bytes = self._fields_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Part of the request's target."""
        if self._is_offer:
            return
        super().on_url(url)
        if len(self.url) > self._limits.head_bytes:
            self._stop_parsing()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head; fields after the body are nobody's business."""
        if not self._is_head_open:
            return
        super().on_header(name, value.rstrip(b" \t"))  # RFC 9112, 5.1; the parser leaves them
        self._fields_bytes += len(name) + len(value)
        limits = self._limits
        if len(self.headers) > limits.head_fields or self._fields_bytes + len(self.url) > limits.head_bytes:
            self._stop_parsing()

    def on_headers_complete(self) -> None:
        """The head is whole, or what stands for one whose offer was ignored."""
        if self._is_offer:
            self._is_offer = False
            return
        self._is_offer = self.parser.should_upgrade()
        version = self.parser.get_http_version()
        self._refusal = coding_problem(self.headers, version)
        if self._refusal is not None:
            raise RefusedError
        if version == "1.0":  # its client would take the go-ahead for the answer
            self.expect_100_continue = False
        self.headers[:] = with_host_of(self.url, self.headers)
        super().on_headers_complete()  # which refuses some targets: until then `cycle` is the request before
        if version == "1.0" and self.cycle is not None:
            self.cycle.send = Unchunked(self.cycle)  # type: ignore[assignment, method-assign]
        self._is_head_open = False
        self._bare_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._bare_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        if self._is_offer:
            return
        self._is_request_open = False
        super().on_message_complete()
        if self.cycle is not None:
            self.cycle.waiting_for_100_continue = False  # nobody is to be asked for what has come

    def _stop_parsing(self) -> None:
        self._refusal = too_large_head(self._limits)
        raise RefusedError


def too_large_head(limits: ConnectionLimits) -> Answer:
    return problem(431, f"a request may have {limits.head_fields} fields and {limits.head_bytes} bytes beside its body")
