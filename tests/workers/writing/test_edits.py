"""Edits of a text: only what was meant changes."""

import pytest
from hypothesis import given, strategies as st

from filewarden.workers.text.line_ends import EvenText, evened
from filewarden.workers.writing.edits import Edit, EditError, apply_edits

ENDS = st.sampled_from(["\n", "\r\n", "\r"])
TEXTS = st.lists(st.tuples(st.text("ab \t", max_size=4), ENDS), max_size=12).map(
    lambda lines: "".join(line + end for line, end in lines)
)


def edited(text: str, *edits: Edit) -> str:
    return apply_edits(text, edits).text


@given(TEXTS, st.text("ab", max_size=3))
def test_a_text_set_aside_comes_back_as_it_was(text: str, rest: str) -> None:
    assert EvenText(text + rest).text() == text + rest


@given(TEXTS, TEXTS, st.text("xyz\n", min_size=1, max_size=8))
def test_only_the_passage_changes(before: str, after: str, new: str) -> None:
    """What stands before and after keeps every byte, whatever its line ends are."""
    before, after = before + "<", ">" + after
    result = edited(before + "UNIQUE" + after, Edit("UNIQUE", new))
    assert result.startswith(before)
    assert result.endswith(after)
    assert evened(result[len(before) : len(result) - len(after)]) == new


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        pytest.param("a\r\nb\r\n", Edit("a\nb", "a\nx\nb"), "a\r\nx\r\nb\r\n", id="new lines end as the file's"),
        pytest.param("a\r\nb\nc\r\n", Edit("a\nb\nc", "a\nB\nc"), "a\r\nB\nc\r\n", id="mixed ones stay line by line"),
        pytest.param(
            "a\r\nb\nc", Edit("a\nb", "a\nx\nb"), "a\r\nx\r\nb\nc", id="lines around an insertion keep theirs"
        ),
        pytest.param("a\nb", Edit("a\r\nb", "c\r\nd"), "c\nd", id="given ones do not count"),
        pytest.param("one", Edit("one", "one\ntwo"), "one\ntwo", id="a text without any"),
        pytest.param("a\r\nb\r\nc\r\n", Edit("b\n", ""), "a\r\nc\r\n", id="a line removed"),
        pytest.param("x x x", Edit("x", "yy", replace_all=True), "yy yy yy", id="everywhere"),
        pytest.param("aaa", Edit("aa", "b", replace_all=True), "ba", id="places do not overlap"),
    ],
)
def test_line_ends_are_those_of_the_file(text: str, edit: Edit, expected: str) -> None:
    assert edited(text, edit) == expected


def test_each_edit_sees_what_those_before_have_made() -> None:
    assert edited("one", Edit("one", "two"), Edit("two", "three")) == "three"


@pytest.mark.parametrize(
    ("edits", "number", "part", "lines"),
    [
        pytest.param([Edit("", "x")], 1, "empty", [], id="empty"),
        pytest.param([Edit("b", "b")], 1, "nothing would change", [], id="no change"),
        pytest.param([Edit("a", "b")], 1, "3 times", [1, 3, 4], id="ambiguous"),
        pytest.param([Edit("bb", "x"), Edit("zz", "x")], 2, "not in the file", [], id="the second"),
        pytest.param([Edit("A  x", "y")], 1, "not in the file", [1], id="white space and case"),
    ],
)
def test_an_edit_that_is_not_clear_is_refused_with_the_places(
    edits: list[Edit], number: int, part: str, lines: list[int]
) -> None:
    with pytest.raises(EditError) as raised:
        apply_edits("a x\nbb\na\na\n", tuple(edits))
    assert raised.value.number == number
    assert part in raised.value.problem
    assert [each.line for each in raised.value.candidates] == lines


@given(TEXTS, st.text("ab\n", min_size=1, max_size=3), st.text("xy\n", max_size=4))
def test_every_place_is_replaced_as_in_the_text_without_its_line_ends(text: str, old: str, new: str) -> None:
    if old == new or evened(old) not in evened(text):
        return
    result = edited(text, Edit(old, new, replace_all=True))
    assert evened(result).count("\n") <= evened(text).replace(old, new).count("\n")
    even = EvenText(text)
    places = [place for place in range(len(even.flat)) if even.flat.startswith(old, place)]
    apart = [place for at, place in enumerate(places) if at == 0 or place >= places[at - 1] + len(old)]
    if apart == places:
        even.replace(places, len(old), new)
        assert even.flat == EvenText(text).flat.replace(old, new)
        assert even.text() == result
        assert len(even.ends) == even.flat.count("\n")
