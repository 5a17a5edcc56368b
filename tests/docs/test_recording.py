"""The recording of the demonstration: what is kept is what is drawn, at the times at which it was seen."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.writer.recording import ROWS, Event, Line, as_cast, as_svg, from_cast, lines_of, record

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
SVG = "{http://www.w3.org/2000/svg}"


def test_lines_are_timed_by_their_ends() -> None:
    events = [Event(0.1, "o", "one\r\ntw"), Event(0.5, "o", "o\r\nthree")]
    assert lines_of(events) == [Line(0.1, "one"), Line(0.5, "two"), Line(0.5, "three")]
    assert from_cast(as_cast(events, "t")) == events


def test_colours_and_columns_are_kept_and_nothing_is_markup() -> None:
    root = ElementTree.fromstring(as_svg([Line(0.0, "\x1b[32mok\x1b[0m    <b> & more")], "t"))
    ok, rest = root.iter(f"{SVG}text")
    assert (ok.text, ok.attrib["fill"]) == ("ok", "#4ade80")
    assert rest.text == "<b> & more"
    assert float(rest.attrib["x"]) == pytest.approx(6 * 7.25, abs=0.1)


def test_what_no_longer_fits_moves_up() -> None:
    drawing = as_svg([Line(float(number), "x") for number in range(ROWS + 2)], "t")
    (places,), (moments,) = re.findall(r'values="([^"]+)"', drawing), re.findall(r'keyTimes="([^"]+)"', drawing)
    assert places == "0 0;0 -17;0 -34"
    whole_s = ROWS + 2.0
    assert [float(each) for each in moments.split(";")] == pytest.approx(
        [0, ROWS / whole_s, (ROWS + 1) / whole_s], abs=1e-4
    )


def test_a_program_is_recorded_as_it_runs() -> None:
    program = "import sys; print('a', flush=True); sys.stdin.isatty() and print('\\x1b[1mb\\x1b[0m')"
    assert [line.text for line in lines_of(record([sys.executable, "-c", program]))] == ["a", "\x1b[1mb\x1b[0m"]


def test_the_kept_picture_is_that_of_the_kept_recording() -> None:
    lines = lines_of(from_cast((IMAGES / "demo.cast").read_text(encoding="utf-8")))
    assert as_svg(lines, "filewarden demo") == (IMAGES / "demo.svg").read_text(encoding="utf-8")
    assert re.search(r"All \d+ claims held", lines[-1].text)
    assert not any("FAILED" in line.text for line in lines)
