"""What can be wrong with a message: the JSON-RPC codes MCP uses, and the error that carries one."""

from enum import IntEnum

RequestId = int | str
"""Echoed with its JSON type unchanged; `0` and `""` are ids like any other."""


class ErrorCode(IntEnum):
    """`error.code` on the wire; the last four never go to a client of another era."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    RESOURCE_NOT_FOUND = -32002
    HEADER_MISMATCH = -32020
    MISSING_CLIENT_CAPABILITY = -32021
    UNSUPPORTED_PROTOCOL_VERSION = -32022


_MODERN_STATUS = {
    ErrorCode.METHOD_NOT_FOUND: 404,
    ErrorCode.INVALID_PARAMS: 200,
    ErrorCode.INTERNAL_ERROR: 200,
    ErrorCode.RESOURCE_NOT_FOUND: 200,
}


class ProtocolError(Exception):
    """The message itself cannot be served; `data` is any JSON value, left out when None."""

    def __init__(self, code: ErrorCode, message: str, data: object = None, *, is_envelope: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.is_envelope = is_envelope
        """What a modern request says about itself is wrong, not what it asks for."""

    @property
    def modern_status(self) -> int:
        """The HTTP status that goes with it to a modern client (MCP 2026-07-28, transports)."""
        return 400 if self.is_envelope else _MODERN_STATUS.get(self.code, 400)


class UnreadCallError(ProtocolError):
    """A tool was called that there is not, or in a way that it does not take; `tool` is its name as it was given.

    `result` is the response, where that is no error of the protocol.
    """

    def __init__(self, tool: str, code: ErrorCode, message: str, *, result: bytes | None = None) -> None:
        super().__init__(code, message)
        self.tool = tool
        self.result = result
