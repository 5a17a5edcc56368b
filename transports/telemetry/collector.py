"""The collector: one address that takes OTLP over HTTP, asked by one thread over one connection at a time.

No redirect is followed and no proxy of the environment is used: what is sent goes to the address that the operator
named. Made before the front-end is confined, for whom to trust is read from files.
"""

import contextlib
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from filewarden.config.errors import printable

if TYPE_CHECKING:
    from ssl import SSLContext

TRACES_PATH = "/v1/traces"
"""Where a collector takes them, unless the address says another path (OTLP specification, OTLP/HTTP request)."""
TIMEOUT_S = 5.0
MOST_ANSWER_BYTES = 65_536
TAKEN = range(200, 300)


class _PartialSuccess(msgspec.Struct, rename="camel"):
    rejected_spans: int = 0
    """As JSON writes 64 bits: digits in a string, or a number."""
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    """ExportTraceServiceResponse (OTLP specification, partial success)."""

    partial_success: _PartialSuccess | None = None


_decode = msgspec.json.Decoder(_Answer, strict=False).decode


class NoTrustError(Exception):
    """There is no authority to trust; the message says what to do."""


class Collector:
    """Takes documents, or says why not.

    Raises:
        NoTrustError: with https, there is no authority to trust.
    """

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(address)
        self._address = address
        self._path = (parts.path if parts.path.strip("/") else TRACES_PATH) + (f"?{parts.query}" if parts.query else "")
        self._headers = {**headers, "Content-Type": "application/json"}
        host = parts.hostname or ""
        if parts.scheme == "https":
            self._connection: HTTPConnection = HTTPSConnection(
                host, parts.port or 443, timeout=TIMEOUT_S, context=_authorities()
            )
        else:
            self._connection = HTTPConnection(host, parts.port or 80, timeout=TIMEOUT_S)

    def send(self, document: bytes) -> str:
        """Why it was not taken; "" when it was."""
        try:
            status, answer = self._post(document)
        except (OSError, HTTPException) as error:
            return f"{self._address}: {str(error) or type(error).__name__}"
        if status not in TAKEN:
            return f"{self._address} answers with status {status}"
        left_out = _left_out(answer)
        return f"{self._address} {left_out}" if left_out else ""

    def close(self) -> None:
        """Keep no connection."""
        self._connection.close()

    def _post(self, document: bytes) -> tuple[int, bytes]:
        """Over the connection that there is, or once more over a new one: a collector may have closed the old one."""
        if self._connection.sock is not None:
            with contextlib.suppress(OSError, HTTPException):
                return self._ask(document)
        self._connection.close()
        try:
            return self._ask(document)
        except BaseException:
            self._connection.close()
            raise

    def _ask(self, document: bytes) -> tuple[int, bytes]:
        self._connection.request("POST", self._path, document, self._headers)
        response: HTTPResponse = self._connection.getresponse()
        answer = response.read(MOST_ANSWER_BYTES)
        if len(answer) == MOST_ANSWER_BYTES:
            self._connection.close()  # what else it has to say is not read
        return response.status, answer


def _left_out(answer: bytes) -> str:
    """What a collector says that it took only a part; "" where it says nothing of the kind."""
    try:
        partial = _decode(answer).partial_success
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if partial is None or partial.rejected_spans <= 0:
        return ""
    return f"leaves out {partial.rejected_spans} spans: {printable(partial.error_message)}"


def _authorities() -> "SSLContext":
    from filewarden.transports.http.oauth.fetch import FetchError, trusted_authorities

    try:
        return trusted_authorities()
    except FetchError as error:
        raise NoTrustError(str(error)) from None
