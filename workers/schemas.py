"""The JSON Schemas that clients see, made from the argument and result structs (JSON Schema 2020-12)."""

from typing import Any

import msgspec

from filewarden.workers.tool import Kind, Tool

Schema = dict[str, Any]

_ERROR: Schema = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["code", "message"],
}


def annotations(tool: Tool) -> dict[str, bool]:
    """Give the hints of the protocol; all four are always stated, because their defaults assume the worst."""
    return {
        "readOnlyHint": not tool.writes,
        "destructiveHint": tool.destructive,
        "idempotentHint": tool.idempotent,
        "openWorldHint": False,
    }


def input_schema(tool: Tool) -> Schema:
    """Give the JSON Schema of the arguments; an optional one is left out rather than null, so null is not shown."""
    if tool.input_schema is not None:
        return tool.input_schema
    schema = _schema(tool.arguments)
    properties = {name: _without_null(node) for name, node in schema.get("properties", {}).items()}
    return {**schema, "properties": properties}


def output_schema(tool: Tool) -> Schema | None:
    """Give the JSON Schema of what stands in `structuredContent`; None for a tool that answers with text or blocks.

    That is a result or an error: some clients hold failures against the schema too.
    """
    if tool.kind is not Kind.STRUCTURED:
        return None
    schema = _schema(tool.result)
    required = schema.pop("required", [])
    properties = {**schema.pop("properties", {}), "error": _ERROR}
    return {**schema, "properties": properties, "anyOf": [{"required": required}, {"required": ["error"]}]}


def _schema(struct: type[msgspec.Struct]) -> Schema:
    (root,), components = msgspec.json.schema_components([struct], ref_template="{name}")
    schema: Schema = _plain(root, components)
    return schema


def _plain(node: Any, components: dict[str, Any]) -> Any:
    """Put references in place, and leave out titles, which only repeat names, and defaults that are null."""
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
    choices = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) != 1:
        return node
    return {key: value for key, value in node.items() if key != "anyOf"} | dict(choices[0])


def _light(node: Schema) -> list[tuple[str, Any]]:
    noise: tuple[tuple[str, Any], ...] = (("default", None), ("required", []))
    return [(key, value) for key, value in node.items() if key != "title" and (key, value) not in noise]
