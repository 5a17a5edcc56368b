"""What the demonstration shows, and the JSON that it believes."""

import io
from collections.abc import Callable

import pytest

from filewarden.transports.demo.facts import DemoFailure, Facts
from filewarden.transports.demo.reads import Latencies, summed_up
from filewarden.transports.demo.report import Report, milliseconds, open_report


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_fails_when_one_claim_does() -> None:
    stream = io.StringIO()
    report = Report(stream, coloured=False)
    assert report.claim("water is wet", True)
    assert not report.claim("stones swim", False)
    assert not report.verdict(1.0)
    assert stream.getvalue().splitlines()[-2:] == ["1 of 2 claims failed (1.0 s):", "   stones swim"]


def test_it_holds_when_every_claim_does() -> None:
    stream = io.StringIO()
    report = Report(stream, coloured=False)
    report.claim("water is wet", True)
    assert report.verdict(1.0)
    assert stream.getvalue().splitlines()[-1] == "All 1 claims held (1.0 s)."


def test_claiming_nothing_is_no_success() -> None:
    assert not Report(io.StringIO(), coloured=False).verdict(1.0)


def test_tables_are_aligned_and_figures_stand_to_the_right() -> None:
    stream = io.StringIO()
    Report(stream, coloured=False).table(["name", "count"], [["a", "1"], ["long name", "1000"]])
    assert stream.getvalue().splitlines() == ["   name       count", "   a              1", "   long name   1000"]


@pytest.mark.parametrize(
    "show",
    [
        lambda report: report.claim("a\x1b[2Jb", True),
        lambda report: report.note("a\x1b[2Jb"),
        lambda report: report.title("a", "\x1b[2J"),
        lambda report: report.table(["x"], [["a\x1b[2Jb\r\n"]]),
    ],
)
def test_nothing_from_files_is_obeyed_by_the_terminal(show: Callable[[Report], object]) -> None:
    stream = io.StringIO()
    show(Report(stream, coloured=False))
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_what_the_stream_cannot_encode_is_replaced() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Report(stream, coloured=False).note("caf\u00e9")
    assert raw.getvalue() == b"   caf?\n"


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_only_on_a_terminal_that_wants_it(stream: io.StringIO, environ: dict[str, str], coloured: bool) -> None:
    open_report(stream, environ).claim("water is wet", True)
    assert ("\x1b" in stream.getvalue()) is coloured


def test_durations_have_the_digits_that_matter() -> None:
    assert [milliseconds(value) for value in (0.00123, 0.0999, 0.1234, 2.0)] == [
        "1.2 ms",
        "99.9 ms",
        "123 ms",
        "2000 ms",
    ]


def test_latencies_are_nearest_ranks() -> None:
    assert summed_up([float(value) for value in range(100, 0, -1)]) == Latencies(100, 50.0, 99.0, 100.0)
    assert summed_up([]) == Latencies(0, 0.0, 0.0, 0.0)


@pytest.fixture
def facts() -> Facts:
    return Facts.decode(
        b'{"text": "a", "count": 1, "share": 0.5, "flag": true, "rows": [{"x": 1}], "none": null}', "it"
    )


def test_fields_come_with_their_types(facts: Facts) -> None:
    assert (facts.text("text"), facts.count("count"), facts.number("share"), facts.flag("flag")) == ("a", 1, 0.5, True)
    assert [row.count("x") for row in facts.parts("rows")] == [1]
    assert facts.has("text")
    assert not facts.has("none")


@pytest.mark.parametrize(
    "ask",
    [
        lambda facts: facts.text("count"),
        lambda facts: facts.count("flag"),
        lambda facts: facts.count("share"),
        lambda facts: facts.number("flag"),
        lambda facts: facts.flag("count"),
        lambda facts: facts.part("rows"),
        lambda facts: facts.parts("text"),
        lambda facts: facts.text("missing"),
    ],
)
def test_a_field_of_another_type_is_a_failure_that_names_it(ask: Callable[[Facts], object], facts: Facts) -> None:
    with pytest.raises(DemoFailure, match="it"):
        ask(facts)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_object_is_a_failure(raw: bytes) -> None:
    with pytest.raises(DemoFailure, match="JSON"):
        Facts.decode(raw, "it")
