"""How a typed function with a docstring becomes a tool: its parameters the arguments, its result the answer."""

import inspect
import re
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.plugins.api import Call, Options
from filewarden.workers.schemas import input_schema
from filewarden.workers.tool import Kind, Lane, Text, Tool

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class UnfitFunctionError(ValueError):
    """A function that cannot be a tool; the sentence says why."""


class NoFacts(msgspec.Struct, frozen=True):
    """Nothing is said beside the text."""


def tool_of(function: Callable[..., Any], options: Options) -> Tool:
    """Make a tool of a function.

    Raises:
        UnfitFunctionError: its name, docstring, parameters or result are not fit.
    """
    name = function.__name__
    if not NAME.fullmatch(name):
        raise UnfitFunctionError("its name must be lower-case letters, digits and underscores, at most 64")
    description = inspect.getdoc(function)
    if not description:
        raise UnfitFunctionError("it needs a docstring, which tells clients what it is for")
    hints = _hints(function)
    takes_call, arguments = _arguments(function, hints)
    result = _result(function, hints)
    lane = Lane(options.lane)
    made = Tool(
        name=name,
        title=options.title or name.replace("_", " ").capitalize(),
        description=description,
        arguments=arguments,
        result=NoFacts if result is str else _struct_of(name, result),
        kind=Kind.TEXT if result is str else Kind.STRUCTURED,
        run=_runner(function, takes_call=takes_call, result=result),
        lane=lambda _arguments: lane,
        scans=lane is Lane.SCAN,
    )
    _prove(made)
    return made


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise UnfitFunctionError(f"its annotations cannot be read: {error}") from None


def _arguments(function: Callable[..., Any], hints: dict[str, Any]) -> tuple[bool, type[msgspec.Struct]]:
    """Whether it takes the call first, and the struct of the other parameters."""
    parameters = list(inspect.signature(function).parameters.values())
    takes_call = bool(parameters) and hints.get(parameters[0].name) is Call
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in parameters[takes_call:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UnfitFunctionError(f"the parameter {parameter.name!r} cannot be given by its name")
        if parameter.name not in hints:
            raise UnfitFunctionError(f"the parameter {parameter.name!r} has no type")
        if parameter.default is parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    try:
        struct = msgspec.defstruct(
            "Arguments", fields, module=function.__module__, frozen=True, kw_only=True, forbid_unknown_fields=True
        )
    except (TypeError, ValueError) as error:
        raise UnfitFunctionError(f"its parameters do not fit: {error}") from None
    return takes_call, struct


def _result(function: Callable[..., Any], hints: dict[str, Any]) -> Any:
    result = hints.get("return")
    if result is None or result is type(None):
        raise UnfitFunctionError("it needs the type of its result")
    return result


def _is_struct(result: Any) -> bool:
    return isinstance(result, type) and issubclass(result, msgspec.Struct)


def _struct_of(name: str, result: Any) -> type[msgspec.Struct]:
    if _is_struct(result):
        struct: type[msgspec.Struct] = result
        return struct
    try:
        return msgspec.defstruct(f"{name}_result", [("result", result)], frozen=True)
    except (TypeError, ValueError) as error:
        raise UnfitFunctionError(f"its result does not fit: {error}") from None


def _prove(made: Tool) -> None:
    """Build everything once that a call needs, so that an unfit type is found before a client is."""
    for struct, name in ((made.arguments, "parameters"), (made.result, "result")):
        try:
            msgspec.json.schema(struct)
            msgspec.msgpack.Decoder(struct)
        except (TypeError, ValueError) as error:
            raise UnfitFunctionError(f"its {name} cannot be JSON: {error}") from None
    input_schema(made)


def _runner(
    function: Callable[..., Any], *, takes_call: bool, result: Any
) -> Callable[[Context, Any], msgspec.Struct | Text]:
    struct = None if result is str else _struct_of(function.__name__, result)
    decoder = None if struct is None else msgspec.msgpack.Decoder(struct)

    def run(context: Context, arguments: msgspec.Struct) -> msgspec.Struct | Text:
        given = {name: getattr(arguments, name) for name in arguments.__struct_fields__}
        value = function(Call(context), **given) if takes_call else function(**given)
        if decoder is None:
            return Text(_bounded(_utf8(value), context), NoFacts())
        answer = value if _is_struct(result) else {"result": value}
        try:
            _bounded(msgspec.json.encode(answer), context)
            return decoder.decode(msgspec.msgpack.encode(answer))
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise ToolFailure(Code.IO_ERROR, "The tool answered with something that is not its result.") from error

    return run


def _utf8(value: object) -> bytes:
    if not isinstance(value, str):
        raise ToolFailure(Code.IO_ERROR, "The tool answered with something that is not its result.")
    return value.encode("utf-8", "replace")


def _bounded(encoded: bytes, context: Context) -> bytes:
    most = context.limits.max_answer_chars
    if len(encoded) > most:
        raise ToolFailure(
            Code.TOO_LARGE, f"The answer has {len(encoded)} bytes, and at most {most} are sent: ask for less."
        )
    return encoded
