"""JSON-RPC messages as clients write them."""

from typing import Any

Json = dict[str, Any]

CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
"""What a client says of itself when it begins."""
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""What a request of the modern era says instead."""


def rpc(method: str, params: Json | None = None, request_id: int | str | None = 1) -> Json:
    """A request; a notification without an id."""
    message: Json = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return message if request_id is None else {**message, "id": request_id}


def enveloped(method: str, params: Json | None = None, request_id: int | str = 1) -> Json:
    """A request of the modern era."""
    meta = {**ENVELOPE, **(params or {}).get("_meta", {})}
    return rpc(method, {**(params or {}), "_meta": meta}, request_id)


def routing(body: Json) -> dict[str, str]:
    """The header fields that repeat what a modern request says."""
    params = body["params"]
    version = params["_meta"]["io.modelcontextprotocol/protocolVersion"]
    fields = {"mcp_protocol_version": version, "mcp_method": body["method"]}
    name = params.get("name") or params.get("uri") or params.get("taskId")
    return {**fields, "mcp_name": name} if name else fields


def calling(tool: str, request_id: int | str = 1, *, token: int | str | None = None, **arguments: object) -> Json:
    """A tool call; with `token` its client listens to progress."""
    params: Json = {"name": tool, "arguments": arguments}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return rpc("tools/call", params, request_id)
