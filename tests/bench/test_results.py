"""The forms that results take."""

import msgspec
import pytest

from bench.machine import Machine, describe_machine
from bench.results import Figure, Results, as_json, as_markdown, as_text


@pytest.fixture
def machine() -> Machine:
    return Machine(
        cpu="Some CPU",
        cores=2,
        memory_gib=8.0,
        kernel="6.1",
        python="3.11.7",
        node="20.1.0",
        date="2026-01-02",
        load=0.5,
    )


@pytest.fixture
def results(machine: Machine) -> Results:
    figures = [
        Figure("ping", "ms", {"ours": [0.1, 0.2, 0.3], "reference": [0.4, 0.4, 0.4]}),
        Figure("memory", "MiB", {"ours": [], "reference": [64.0, 64.0, 65.0]}),
    ]
    versions = {"ours": "1.0", "reference": "2.0"}
    return Results(machine=machine, versions=versions, rounds=3, tree_entries=30_000, figures=figures)


def test_the_table_shows_medians_extremes_and_ratios(results: Results) -> None:
    heads, ping, memory, *_ = as_text(results).splitlines()
    assert heads.split() == ["figure", "unit", "ours", "reference", "ratio"]
    assert ping.split() == ["ping", "ms", "0.20", "(0.10-0.30)", "0.40", "(0.40-0.40)", "0.50", "(0.25-0.75)"]
    assert memory.split() == ["memory", "MiB", "-", "64.0", "(64.0-65.0)", "-"]


def test_columns_are_aligned(results: Results) -> None:
    heads, *rows = as_text(results).splitlines()[:3]
    assert {len(row) for row in rows} == {len(heads)}


def test_one_peer_alone_has_no_ratio(results: Results) -> None:
    alone = msgspec.structs.replace(results, versions={"ours": "1.0"})
    assert "atio" not in as_text(alone)
    assert "reference" not in as_text(alone)


def test_the_page_names_machine_versions_and_circumstances(results: Results) -> None:
    page = as_markdown(results)
    for fact in ("Some CPU", "2 cores", "6.1", "3.11.7", "20.1.0", "2026-01-02", "ours 1.0", "reference 2.0", "30,000"):
        assert fact in page
    assert "| ping | ms | 0.20 (0.10-0.30) | 0.40 (0.40-0.40) | 0.50 (0.25-0.75) |" in page


def test_json_has_every_round(results: Results) -> None:
    assert msgspec.json.decode(as_json(results), type=Results) == results


def test_this_machine_can_be_described() -> None:
    machine = describe_machine()
    assert machine.cores >= 1
    assert machine.kernel
