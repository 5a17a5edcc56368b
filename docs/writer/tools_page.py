"""The page of every tool: arguments, result, errors, hints, lane and deadline."""

from collections.abc import Iterator
from typing import Any

import msgspec

from docs.writer.errors import EVERY_CALL, errors_of
from docs.writer.markdown import code, page, paragraph, table
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.schemas import annotations
from filewarden.workers.tool import Kind, Tool

ANSWERS = {
    Kind.STRUCTURED: "JSON: the same object in a text block and in `structuredContent`",
    Kind.TEXT: "the text itself in a text block; the facts below stand in `_meta`",
    Kind.CONTENT: "blocks of text, pictures or sound; the facts below stand in `_meta`",
}
Schema = dict[str, Any]


def tools_page() -> str:
    """The whole page."""
    return page("Tools", "the catalogue in workers/tools", _parts())


def _parts() -> Iterator[str]:
    yield paragraph(
        "What clients see with `tools/list`, and what they get. Paths are relative to the root; with several roots "
        "they begin with a root's name, and `.` lists the roots. Names and arguments that the reference file-system "
        "server spells otherwise are accepted too. Unknown arguments are refused with the nearest valid name."
    )
    yield "\n".join(
        f"- [`{tool.name}`](#{tool.name}): {tool.title[:1].lower()}{tool.title[1:]}{' (writes)' * tool.writes}"
        for tool in CATALOGUE
    )
    yield "## Failures"
    yield paragraph(
        "A failure is a result with `isError: true`, a text block `Error: SENTENCE`, and `structuredContent.error` "
        "with `code`, `message` and whatever helps beside them. Codes do not change; sentences may. Any call may end "
        f"with {', '.join(map(code, EVERY_CALL))}; the sections below name what else a tool says. "
        "[Troubleshooting](../troubleshooting.md) explains each."
    )
    for tool in CATALOGUE:
        yield f"## {tool.name}"
        yield paragraph(tool.description)
        if tool.writes and not tool.is_look:
            yield "Only where a root is `rw`."
        yield table(("what", "value"), list(_facts(tool)))
        yield from _arguments(tool)
        yield from _result(tool)


def _facts(tool: Tool) -> Iterator[tuple[str, str]]:
    hints = ", ".join(code(f"{name}: {str(value).lower()}") for name, value in annotations(tool).items())
    yield "answer", ANSWERS[tool.kind]
    yield "annotations", hints
    yield "lane", _lane(tool)
    yield "deadline", _deadline(tool)
    yield "errors", ", ".join(map(code, errors_of(tool))) or "none of its own"
    if tool.other_names:
        yield "also called", ", ".join(map(code, tool.other_names))
    if tool.aliases:
        yield "other spellings", ", ".join(f"`{other}` for `{name}`" for other, name in tool.aliases.items())


def _lane(tool: Tool) -> str:
    if tool.writes:
        return "a worker of the read-write pool"
    return "quick, or scan where the arguments ask for a walk" if tool.scans else "quick"


def _deadline(tool: Tool) -> str:
    settings = DeadlineSettings()
    keys = ["write_s"] if tool.writes else ["read_s", "scan_s"] if tool.scans else ["read_s"]
    named = " or ".join(f"`deadlines.{key}` ({getattr(settings, key):g} s)" for key in keys)
    return f"{named}; its own: `deadlines.tool.{tool.name}`"


def _arguments(tool: Tool) -> Iterator[str]:
    schema = _schema(tool.arguments)
    rows = list(_rows(schema, has_defaults=True))
    if rows:
        yield "Arguments:"
        yield table(("argument", "type", "default", "meaning"), rows)
    else:
        yield "It takes no arguments."


def _result(tool: Tool) -> Iterator[str]:
    rows = [(name, kind, meaning) for name, kind, _, meaning in _rows(_schema(tool.result), has_defaults=False)]
    yield "Result:" if tool.kind is Kind.STRUCTURED else "Facts:"
    width = 3 if any(meaning for _, _, meaning in rows) else 2
    yield table(("member", "type", "meaning")[:width], [row[:width] for row in rows])


def _schema(struct: type[msgspec.Struct]) -> Schema:
    (root,), components = msgspec.json.schema_components([struct], ref_template="{name}")
    return {"components": components, **_resolved(root, components)}


def _resolved(node: Schema, components: Schema) -> Schema:
    return {**components[node["$ref"]], **{k: v for k, v in node.items() if k != "$ref"}} if "$ref" in node else node


def _rows(schema: Schema, *, has_defaults: bool, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, ...]]:
    """One for each member, and, a level deeper, for the members of those that are objects or lists of them."""
    components = schema["components"]
    required = schema.get("required", [])
    for name, given in schema.get("properties", {}).items():
        node = _without_null(_resolved(given, components), components)
        default = "must be given" if name in required else _default(node.get("default", given.get("default")))
        meaning = node.get("description", "") if "properties" not in node else ""
        yield code(prefix + name), _type(node, components), default if has_defaults else "", meaning
        inner = _resolved(node.get("items", node), components) if isinstance(node.get("items", node), dict) else {}
        if depth == 0 and "properties" in inner:
            mark = "[]." if "items" in node else "."
            deeper = {"components": components, **inner}
            yield from _rows(deeper, has_defaults=has_defaults, prefix=f"{prefix}{name}{mark}", depth=1)


def _without_null(node: Schema, components: Schema) -> Schema:
    others = [one for one in node.get("anyOf", []) if one.get("type") != "null"]
    if len(others) != 1:
        return node
    return {**_resolved(others[0], components), **{key: value for key, value in node.items() if key != "anyOf"}}


def _default(value: object) -> str:
    return "" if value is None else code(msgspec.json.encode(value).decode())


def _type(node: Schema, components: Schema) -> str:
    if "enum" in node:
        return ", ".join(code(one) for one in node["enum"])
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_type(_resolved(one, components), components) for one in node["anyOf"]))
    if node.get("type") == "array":
        items = node.get("items")
        if not isinstance(items, dict) or not items:
            return "list"
        return f"list of {_type(_resolved(items, components), components)}"
    return _bounded(str(node.get("type", "any")), node)


def _bounded(kind: str, node: Schema) -> str:
    least = node.get("minimum", node.get("minLength"))
    most = node.get("maximum", node.get("maxLength"))
    what = " characters" if kind == "string" else ""
    if least is None and most is None:
        return kind
    if most is None:
        return f"{kind}, from {least}{what}"
    return f"{kind}, {'up to' if least is None else f'{least} to'} {most}{what}"
