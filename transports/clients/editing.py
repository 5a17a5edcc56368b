"""How a client's file gets an entry: as an edit of its text that leaves everything else as it was.

Each edit is proven before it is used: the new text is read again and must differ from the old in that entry alone.
"""

import json
import re
import tomllib
from collections.abc import Sequence

from filewarden.transports.clients import jsonc
from filewarden.transports.clients.jsonc import Node

Document = dict[str, object]


class UneditableError(ValueError):
    """The file cannot be edited without touching more than the entry. The sentence says why."""


def with_json_entry(text: str, keys: Sequence[str], entry: Document) -> str:
    """`text` with `entry` at the end of `keys`, each an object that is made when it is missing.

    Raises:
        UneditableError: the text is no JSON, or something that is no object stands in the way.
    """
    if not text.strip():
        text = "{}\n"
    node = _parsed(text)
    wanted = _with(node.value, keys, entry)
    edited = _insert(text, node, keys, entry, _unit(text), depth=0)
    return _proven(edited, _parsed(edited).value, wanted)


def with_json_item(text: str, key: str, item: Document) -> str:
    """`text` with `item` in the list `key` of the top object, before the others; as it is when the same is there.

    Raises:
        UneditableError: the text is no JSON object, or `key` is no list.
    """
    node = _parsed(text)
    members = _members(node, "the file")
    if key not in members:
        return with_json_entry(text, (), {key: [item]})
    present = members[key].value
    if not isinstance(present, list):
        raise UneditableError(f'"{key}" is no list')
    if item in present:
        return text
    at, unit = members[key].start + 1, _unit(text)
    body = "\n" + _indented(json.dumps(item, indent=unit), unit * 2) + ("," if present else "\n" + unit)
    edited = text[:at] + body + text[at:]
    return _proven(edited, _parsed(edited).value, _with(node.value, (), {key: [item, *present]}))


def with_toml_table(text: str, keys: Sequence[str], entry: Document) -> str:
    """`text` with the table `keys`, which replaces one of the same name.

    Raises:
        UneditableError: the text is no TOML, or the table is written in a way that cannot be replaced alone.
    """
    before = _parsed_toml(text)
    header = ".".join(_toml_key(key) for key in keys)
    table = f"[{header}]\n" + "".join(f"{_toml_key(key)} = {_toml_value(value)}\n" for key, value in entry.items())
    place = re.search(rf"^\[{re.escape(header)}\][ \t]*(#[^\n]*)?\n(?:(?!\[)[^\n]*\n?)*", text, re.MULTILINE)
    if place:
        tail = re.search(r"(?:[ \t]*(?:#[^\n]*)?\n)*\Z", place[0])  # comments before the next table belong to it
        end = place.end() - (len(tail[0]) if tail else 0)
        edited = text[: place.start()] + table + text[end:]
    else:
        edited = text + ("" if not text or text.endswith("\n") else "\n") + ("\n" if text.strip() else "") + table
    *parents, name = keys
    return _proven(edited, _parsed_toml(edited), _with(before, parents, {name: entry}))


def _parsed(text: str) -> Node:
    try:
        return jsonc.parse(text)
    except jsonc.NotJsonError as error:
        raise UneditableError(f"it is no JSON: {error}") from None


def _parsed_toml(text: str) -> Document:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UneditableError(f"it is no TOML: {error}") from None


def _members(node: Node, name: str) -> dict[str, Node]:
    if node.members is None:
        raise UneditableError(f"{name} is no object")
    return node.members


def _with(value: object, keys: Sequence[str], entry: Document) -> object:
    """What the file should mean afterwards."""
    if not isinstance(value, dict):
        raise UneditableError("something that is no object stands where the servers should be")
    if not keys:
        return {**value, **entry}
    return {**value, keys[0]: _with(value.get(keys[0], {}), keys[1:], entry)}


def _insert(text: str, node: Node, keys: Sequence[str], entry: Document, unit: str, depth: int) -> str:
    members = _members(node, "the file")
    if keys and keys[0] in members:
        return _insert(text, members[keys[0]], keys[1:], entry, unit, depth + 1)
    for key in reversed(keys):
        entry = {key: entry}
    for name, value in entry.items():
        written = _indented(json.dumps(value, indent=unit, ensure_ascii=False), unit * (depth + 1)).lstrip()
        if name in members:
            return text[: members[name].start] + written + text[members[name].end :]
        body = f"\n{unit * (depth + 1)}{json.dumps(name)}: {written}"
        body += "," if members else "\n" + unit * depth
        return text[: node.start + 1] + body + text[node.start + 1 :]
    return text


def _unit(text: str) -> str:
    """How the file indents."""
    found = re.search(r"^([ \t]+)[\"/]", text, re.MULTILINE)
    return found[1] if found else "  "


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line for line in text.split("\n"))


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _toml_value(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON's escapes are all TOML's
    raise UneditableError("only texts and lists of them are written")


def _proven(edited: str, found: object, wanted: object) -> str:
    if found != wanted:
        raise UneditableError("the entry cannot be put there without changing something else")
    return edited
