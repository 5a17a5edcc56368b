"""The check of a call's arguments: from a client's JSON to the tool's own struct, or a sentence that helps."""

import re
from operator import attrgetter
from types import NoneType
from typing import Any, get_args

import msgspec
from msgspec import Raw

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.schemas import input_schema
from filewarden.workers.tool import Tool

LARGEST = 2**63 - 1
"""The frames to workers hold no greater number (MessagePack)."""

_MAY_BE_LARGE = re.compile(rb"[0-9]{19}|[0-9][eE]")


class ArgumentCheck:
    """Decodes the arguments of one tool."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(tool.arguments, strict=True)
        self._aliases = tuple(alias.rpartition(".")[2].encode() for alias in tool.aliases)
        numbers = [field for field in msgspec.structs.fields(tool.arguments) if _may_hold_numbers(field.type)]
        self._numbers_of = attrgetter(*(field.name for field in numbers)) if numbers else None
        self._usual_numbers = numbers[0].default if len(numbers) == 1 else tuple(field.default for field in numbers)
        """Mostly nobody passes any."""

    def __call__(self, raw: bytes | Raw) -> msgspec.Struct:
        """Decode a JSON object; raises ToolFailure(invalid_argument) that says what is allowed."""
        try:
            checked: msgspec.Struct = self._decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            checked = self._decode_aliased(bytes(raw))
        numbers_of = self._numbers_of
        if numbers_of is not None and numbers_of(checked) != self._usual_numbers and _MAY_BE_LARGE.search(bytes(raw)):
            _refuse_large(checked)
        return checked

    def _decode_aliased(self, raw: bytes) -> msgspec.Struct:
        """The same with other spellings allowed, which the struct alone refuses."""
        if any(alias in raw for alias in self._aliases):
            raw = _renamed(raw, self._tool.aliases)
        try:
            checked: msgspec.Struct = self._decoder.decode(raw or b"{}")
        except msgspec.ValidationError as error:
            raise ToolFailure(Code.INVALID_ARGUMENT, _sentence(self._tool, str(error))) from None
        except (msgspec.DecodeError, RecursionError):
            raise ToolFailure(Code.INVALID_ARGUMENT, "The arguments are not a JSON object.") from None
        return checked


def _may_hold_numbers(kind: object) -> bool:
    """Whether a value of a field's type may be, or have in it, a number that is too large."""
    parts = get_args(kind)
    if parts:
        return any(map(_may_hold_numbers, parts))
    return kind not in (str, bool, NoneType, ...) and not isinstance(kind, str | msgspec.Meta)


def _refuse_large(value: object) -> None:
    """Refuse a number that no frame can carry, wherever it stands."""
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        raise ToolFailure(Code.INVALID_ARGUMENT, f"A number in the arguments is too large: {LARGEST} is the greatest.")
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.astuple(value)
    elif isinstance(value, dict):
        value = (*value.keys(), *value.values())
    if isinstance(value, list | tuple):
        for each in value:
            _refuse_large(each)


def _renamed(raw: bytes, aliases: dict[str, str]) -> bytes:
    """Put the names of arguments in place of other spellings; `list.alias` is one in the objects of a list."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        _rename(given, {alias: name for alias, name in aliases.items() if "." not in alias})
        for outer in {alias.partition(".")[0] for alias in aliases if "." in alias}.intersection(given):
            inner = {alias.partition(".")[2]: name for alias, name in aliases.items() if alias.startswith(outer + ".")}
            items = msgspec.json.decode(given[outer], type=list[dict[str, msgspec.Raw]])
            for item in items:
                _rename(item, inner)
            given[outer] = msgspec.Raw(msgspec.json.encode(items))
    except (msgspec.DecodeError, RecursionError):
        return raw  # what is wrong with it is found where it is decoded
    return msgspec.json.encode(given)


def _rename(given: dict[str, msgspec.Raw], aliases: dict[str, str]) -> None:
    for alias, name in aliases.items():
        if alias in given:
            if name in given:
                raise ToolFailure(Code.INVALID_ARGUMENT, f"{alias} is another spelling of {name}: give one of them.")
            given[name] = given.pop(alias)


def _sentence(tool: Tool, problem: str) -> str:
    """Say which argument is wrong and what is allowed. The decoder's own text names both, in its own notation."""
    from filewarden.workers.paths.names import echo

    what, _, where = problem.partition(" - at `$")
    argument = where.rstrip("`").lstrip(".")
    quoted = problem.split("`")
    if problem.startswith("Object contains unknown field"):
        return _unknown(tool, problem.partition("`")[2].rpartition("`")[0])
    if problem.startswith("Object missing required field"):
        return f"The argument {quoted[1]!r} of {tool.name} is missing."
    if not argument:
        return f"The arguments of {tool.name} must be a JSON object."
    allowed = _choices(tool, argument)
    if what.startswith("Invalid enum value") and allowed:
        return f"The argument {argument!r} must be one of {', '.join(allowed)}."
    what = echo(what.replace("`", "").replace(" | null", ""))
    if what.startswith("Expected "):
        return f"The argument {echo(argument)!r} must be {what.removeprefix('Expected ').replace(', got', ', not')}."
    return f"The argument {echo(argument)!r} is wrong: {what}."


def _choices(tool: Tool, argument: str) -> list[str]:
    return [str(one) for one in input_schema(tool).get("properties", {}).get(argument, {}).get("enum", ())]


def _unknown(tool: Tool, name: str) -> str:
    import difflib

    from filewarden.workers.paths.names import echo

    known = [field.encode_name for field in msgspec.structs.fields(tool.arguments)]
    if not known:
        return f"{tool.name} has no argument {echo(name)!r}; it takes none."
    near = difflib.get_close_matches(name[:64], known, n=1, cutoff=0.0)
    return f"{tool.name} has no argument {echo(name)!r}; did you mean {near[0]!r}? It takes: {', '.join(known)}."
