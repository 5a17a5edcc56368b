"""The JSON Schemas that clients see, made from the argument and result structs (JSON Schema 2020-12)."""

from typing import Any

import msgspec

from filewarden.workers.tool import Kind, Tool

Schema = dict[str, Any]

_NOISE: tuple[tuple[str, Any], ...] = (
    ("default", None),
    ("default", False),
    ("default", []),
    ("default", ()),
    ("required", []),
)
"""Everybody expects a flag that is left out to be off."""
_FOR_SERVERS = frozenset(("title", "minLength", "maxLength", "maxItems", "minimum", "maximum"))
"""What says nothing to whoever writes arguments: titles only repeat names, no bound is passed by mistake or matters
before it is, and then the error names it."""


def annotations(tool: Tool) -> dict[str, bool]:
    """Give the hints of the protocol, whose defaults assume the worst.

    Two of them have a meaning only for tools that write, and are left out of the others.
    """
    if not tool.writes or tool.is_look:
        return {"readOnlyHint": True, "openWorldHint": False}
    return {
        "readOnlyHint": False,
        "destructiveHint": tool.destructive,
        "idempotentHint": tool.idempotent,
        "openWorldHint": False,
    }


def input_schema(tool: Tool) -> Schema:
    """Give the JSON Schema of the arguments; an optional one is left out rather than null, so null is not shown.

    The docstring of the struct is left out, as it says what the tool's own description says.
    """
    if tool.input_schema is not None:
        return tool.input_schema
    schema = _schema(tool.arguments)
    properties = {name: _without_null(node) for name, node in schema.get("properties", {}).items()}
    return {key: value for key, value in schema.items() if key != "description"} | {"properties": properties}


def output_schema(tool: Tool) -> Schema | None:
    """Give the JSON Schema of what stands in `structuredContent`; None for a tool that answers with text or blocks.

    Some clients hold failures against it too, which have an `error` and nothing else, so no member is required. Of
    lists it tells no more than that they are: what stands in them explains itself.
    """
    if tool.kind is not Kind.STRUCTURED:
        return None
    members = {name: _shallow(node) for name, node in _schema(tool.result).get("properties", {}).items()}
    return {"type": "object", "properties": members}


def _shallow(node: Schema) -> Schema:
    return {key: value for key, value in node.items() if key in ("type", "anyOf", "enum")}


def _schema(struct: type[msgspec.Struct]) -> Schema:
    (root,), components = msgspec.json.schema_components([struct], ref_template="{name}")
    schema: Schema = _plain(root, components)
    return schema


def _plain(node: Any, components: dict[str, Any]) -> Any:
    """Put references in place, and leave out what only costs: a list of tools stands in every conversation."""
    if isinstance(node, list):
        return [_plain(one, components) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _plain({**components[node["$ref"]], **rest}, components)
    if "properties" in node:
        properties = {name: _plain(one, components) for name, one in node["properties"].items()}
        node = {**node, "properties": properties}
        return {key: value if key == "properties" else _plain(value, components) for key, value in _light(node)}
    return {key: _plain(value, components) for key, value in _light(node)}


def _without_null(node: Schema) -> Schema:
    """Show an argument that may be left out without saying that it may be null."""
    if isinstance(node.get("type"), list):
        return {**node, "type": next(one for one in node["type"] if one != "null")}
    choices = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) != 1:
        return node
    return {key: value for key, value in node.items() if key != "anyOf"} | dict(choices[0])


def _light(node: Schema) -> list[tuple[str, Any]]:
    kept = [(key, value) for key, value in node.items() if key not in _FOR_SERVERS and (key, value) not in _NOISE]
    choices = node.get("anyOf", ())
    if len(choices) == 2 and {"type": "null"} in choices and all(set(one) == {"type"} for one in choices):
        return [("type", [one["type"] for one in choices]) if key == "anyOf" else (key, value) for key, value in kept]
    return kept
