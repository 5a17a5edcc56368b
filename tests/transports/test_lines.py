import pytest

from filewarden.transports.lines import TOO_LONG, LineSplitter, TooLong

CASES = [
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"abc", [], id="no end yet"),
    pytest.param(b"abc\n", [b"abc"], id="one"),
    pytest.param(b"abc\r\n", [b"abc"], id="with carriage return"),
    pytest.param(b"a\nb\nc\n", [b"a", b"b", b"c"], id="three"),
    pytest.param(b"\n\n \n\r\na\n", [b"a"], id="blank lines"),
    pytest.param(b"0123456789\n", [b"0123456789"], id="as long as allowed"),
    pytest.param(b"01234567890\na\n", [TOO_LONG, b"a"], id="too long, then fine"),
    pytest.param(b"x" * 100 + b"\n" + b"y" * 100 + b"\n", [TOO_LONG, TOO_LONG], id="twice too long"),
]


@pytest.mark.parametrize(("data", "lines"), CASES)
def test_lines_come_whole_however_the_bytes_arrive(data: bytes, lines: list[bytes | TooLong]) -> None:
    assert list(LineSplitter(10).feed(data)) == lines
    byte_by_byte = LineSplitter(10)
    assert [line for place in range(len(data)) for line in byte_by_byte.feed(data[place : place + 1])] == lines


def test_a_line_that_is_too_long_is_not_kept() -> None:
    splitter = LineSplitter(10)
    for _ in range(1000):
        assert list(splitter.feed(b"x" * 1000)) == []
    assert list(splitter.feed(b"\nok\n")) == [TOO_LONG, b"ok"]
