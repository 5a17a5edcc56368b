import pytest

from filewarden.transports.lines import TOO_LONG, LineSplitter, TooLong

CASES = [
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"abc", [], id="no end yet"),
    pytest.param(b"abc\n", [b"abc"], id="one"),
    pytest.param(b"abc\r\n", [b"abc"], id="with carriage return"),
    pytest.param(b"a\nb\nc\n", [b"a", b"b", b"c"], id="three"),
    pytest.param(b'{"a":1}\n', [b'{"a":1}'], id="an object"),
    pytest.param(b'{"a":1}\r\n', [b'{"a":1}'], id="an object with carriage return"),
    pytest.param(b'{"a":1}\n{', [b'{"a":1}'], id="an object and a beginning"),
    pytest.param(b"{\n", [b"{"], id="hardly an object"),
    pytest.param(b'{"a":1234}\n', [b'{"a":1234}'], id="an object as long as allowed"),
    pytest.param(b'{"a":12345}\n', [TOO_LONG], id="an object that is too long"),
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


def test_an_object_that_ends_a_line_is_not_taken_for_a_line() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b'{"a":') == []
    assert splitter.feed(b"{}\n") == [b'{"a":{}']
    assert splitter.feed(b"x" * 11) == []
    assert splitter.feed(b"{}\n") == [TOO_LONG]
    assert splitter.feed(b"{}\n") == [b"{}"]


def test_a_line_that_is_too_long_is_not_kept() -> None:
    splitter = LineSplitter(10)
    for _ in range(1000):
        assert list(splitter.feed(b"x" * 1000)) == []
    assert list(splitter.feed(b"\nok\n")) == [TOO_LONG, b"ok"]
