import msgspec
import pytest
from hypothesis import given, strategies as st

from filewarden.workers import cursors
from filewarden.workers.errors import Code, ToolFailure


class State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    number: int
    names: tuple[bytes, ...]


@given(st.integers(min_value=-(2**60), max_value=2**60), st.lists(st.binary(max_size=20), max_size=5))
def test_a_state_comes_back(number: int, names: list[bytes]) -> None:
    state = State(number, tuple(names))
    text = cursors.write(state)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert cursors.read(text, State) == state


@pytest.mark.parametrize(
    "text", ["", "x", "====", "é", "\ud800", "A" * 20000, cursors.write(State(1, ())) + "A", "ks8B", "gaFhAQ"]
)
def test_o14_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        cursors.read(text, State)
    assert refused.value.code is Code.INVALID_ARGUMENT


@given(st.text(max_size=40))
def test_o14_random_text_never_breaks_it(text: str) -> None:
    try:
        cursors.read(text, State)
    except ToolFailure as refused:
        if refused.code is not Code.INVALID_ARGUMENT:
            raise


def test_calls_with_other_arguments_have_other_fingerprints() -> None:
    assert cursors.fingerprint("a", 1) == cursors.fingerprint("a", 1)
    assert cursors.fingerprint("a", 1) != cursors.fingerprint("a", 2)
