import json

import pytest
from hypothesis import given, strategies as st

from filewarden.transports.clients.jsonc import MOST_LEVELS, NotJsonError, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 2]), st.booleans())
def test_plain_json_means_what_the_standard_library_says(value: object, indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    assert parse(text).value == json.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('// first\n{"a": 1, /* between\n lines */ "b": [1, 2,],} // last', {"a": 1, "b": [1, 2]}),
        ('{"no // comment": "/* nor here */"}', {"no // comment": "/* nor here */"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        (" {} ", {}),
        ('{"a": "\\u00e9\\n"}', {"a": "é\n"}),
    ],
)
def test_comments_and_trailing_commas_mean_nothing(text: str, value: object) -> None:
    assert parse(text).value == value


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}{}", '{"a" 1}', "{a: 1}", "[1 2]", "[,]", '{"a": }', "01", "+1", "/* open", '"\n"', "nul", "-"],
)
def test_what_is_no_json_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(NotJsonError, match=r"^line \d+: "):
        parse(text)


def test_the_line_of_a_fault_is_named() -> None:
    with pytest.raises(NotJsonError) as refused:
        parse('{\n  "a": 1,\n  "b": oops\n}')
    assert refused.value.line == 3


def test_deep_nesting_is_refused_instead_of_exhausting_the_stack() -> None:
    with pytest.raises(NotJsonError, match="levels"):
        parse("[" * (MOST_LEVELS + 2))
