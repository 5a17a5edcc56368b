"""The plots: that what was recorded is drawn, and drawn where it belongs."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.charts import Chart, Series, draw
from bench.gallery import FOLDER, charts, planned, recorded


def chart(*series: Series) -> Chart:
    return Chart(title="A <chart>", across="clients", up="ms", series=series)


def circles(drawing: str) -> list[tuple[float, float]]:
    found = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="3"', drawing)
    return [(float(x), float(y)) for x, y in found]


def test_more_lies_to_the_right_and_higher() -> None:
    drawing = draw(chart(Series("median", [(1, 0.5), (10, 5.0), (100, 50.0)])))
    first, second, third = circles(drawing)
    assert first[0] < second[0] < third[0]
    assert first[1] > second[1] > third[1]
    assert second[0] - first[0] == pytest.approx(third[0] - second[0], abs=0.2)  # by decades


def test_it_is_well_formed_and_tells_its_title() -> None:
    root = ElementTree.fromstring(draw(chart(Series("a & b", [(1, 1)]), Series("c", [(1, 0)], is_dashed=True))))
    assert root.attrib["aria-label"] == "A <chart>"


def test_every_recorded_plot_is_there_and_named_in_the_documentation() -> None:
    page = (Path(FOLDER).parent.parent / "docs" / "performance.md").read_text(encoding="utf-8")
    for name, found in charts(recorded(), planned()).items():
        kept = (Path(FOLDER) / f"{name}.svg").read_text(encoding="utf-8")
        assert kept == draw(found), "run scripts/bench --redraw"
        assert f"../bench/plots/{name}.svg" in page
