from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest

from filewarden.workers.arguments import ArgumentCheck
from filewarden.workers.plugins.api import Call, Options, options_of, tool
from filewarden.workers.plugins.signature import UnfitFunctionError, tool_of
from filewarden.workers.schemas import input_schema, output_schema
from filewarden.workers.tool import Kind, Lane


class Found(msgspec.Struct, frozen=True):
    hits: int


@tool(title="Look", lane="scan")
def look(
    call: Call,
    path: Annotated[str, msgspec.Meta(description="Where.")],
    deep: bool = False,
    most: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3,
) -> Found:
    """Look for something.

    And say how often it was there.
    """
    return Found(most if deep else 0)


def test_a_function_says_everything_that_a_tool_needs() -> None:
    options = options_of(look)
    assert options is not None
    made = tool_of(look, options)
    assert (made.name, made.title, made.kind, made.scans, made.writes) == ("look", "Look", Kind.STRUCTURED, True, False)
    assert made.description == "Look for something.\n\nAnd say how often it was there."
    assert made.lane(None) is Lane.SCAN
    schema = input_schema(made)
    assert schema["properties"]["path"] == {"type": "string", "description": "Where."}
    assert schema["required"] == ["path"]
    assert schema["additionalProperties"] is False
    assert output_schema(made) == {"type": "object", "properties": {"hits": {"type": "integer"}}}


def test_arguments_are_checked_by_its_types() -> None:
    check = ArgumentCheck(tool_of(look, Options()))
    assert msgspec.structs.asdict(check(b'{"path": "a"}')) == {"path": "a", "deep": False, "most": 3}
    for wrong in (b"{}", b'{"path": 1}', b'{"path": "a", "most": 10}', b'{"path": "a", "more": 1}'):
        with pytest.raises(Exception, match="argument"):
            check(wrong)


def test_a_result_that_is_no_struct_is_wrapped_and_text_is_text() -> None:
    def count() -> list[int]:
        """Count."""
        return [1]

    def say() -> str:
        """Say."""
        return "hello"

    assert output_schema(tool_of(count, Options())) == {"type": "object", "properties": {"result": {"type": "array"}}}
    assert tool_of(say, Options()).kind is Kind.TEXT


def undocumented(a: int) -> int:
    return a


def untyped(a) -> int:  # type: ignore[no-untyped-def]
    """Take something."""
    return int(a)


def silent(a: int):  # type: ignore[no-untyped-def]
    """Give something."""
    return a


def many(*a: int) -> int:
    """Take many."""
    return sum(a)


def odd(a: "Callable[[], int]") -> int:
    """Take a function."""
    return a()


def unknown(a: "Nowhere") -> int:  # type: ignore[name-defined]  # noqa: F821
    """Take what nobody knows."""
    return int(a)


def returns_odd() -> Callable[[], int]:
    """Give a function."""
    return lambda: 1


def Loud() -> int:
    """Shout."""
    return 1


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (undocumented, "docstring"),
        (untyped, "'a' has no type"),
        (silent, "type of its result"),
        (many, "cannot be given by its name"),
        (odd, "parameters"),
        (unknown, "annotations cannot be read"),
        (returns_odd, "result"),
        (Loud, "lower-case"),
    ],
)
def test_an_unfit_function_is_refused_with_the_reason(function: Callable[..., Any], sentence: str) -> None:
    with pytest.raises(UnfitFunctionError, match=sentence):
        tool_of(function, Options())
