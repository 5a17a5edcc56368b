import re
import unicodedata

import pytest
from hypothesis import given, strategies as st

from filewarden.workers.text.hidden_characters import count_controls, count_invisible

INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)


@given(
    st.text(st.characters(codec="utf-8"), max_size=50),
    st.sampled_from(["", "\u200b", "\u2066", "\U000e0041", "\u00ad"]),
)
def test_every_invisible_character_is_counted(text: str, hidden: str) -> None:
    assert count_invisible((text + hidden).encode()) == len(INVISIBLE.findall(text + hidden))


@pytest.mark.parametrize("text", ["👩\u200d👩\u200d👧", "☂\ufe0f", "नमस्\u200dते", "“naïve” – €", "　全角", "plain"])
def test_what_scripts_and_emoji_need_is_no_alarm(text: str) -> None:
    assert count_invisible(text.encode()) == 0


@given(st.text("ab\t\n\r\f\x01\x1b\x07\x7f é", max_size=30))
def test_controls_are_counted_where_a_terminal_may_act_on_one(text: str) -> None:
    controls = [one for one in text if unicodedata.category(one) == "Cc" and one not in "\t\n\r\f"]
    expected = len(controls) if set(controls) - {"\x01"} else 0
    assert count_controls(text.encode()) == expected
