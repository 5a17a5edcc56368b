"""What a suite leaves behind, read strictly: a scenario without a result is a failed one."""

import json
from pathlib import Path

import pytest

from tests.conformance.suite import BrokenRunError, Status, scenarios_of

RUNNING = "\n=== Running scenario: {} ===\nRunning client scenario\n"


def leave(folder: Path, scenario: str, *statuses: str) -> None:
    place = folder / f"server-{scenario}-2026-01-02T03-04-05-678Z"
    place.mkdir()
    checks = [{"id": f"{scenario}-{number}", "status": status, "name": "x"} for number, status in enumerate(statuses)]
    (place / "checks.json").write_text(json.dumps(checks))


def test_every_scenario_is_read_in_the_order_of_the_run(tmp_path: Path) -> None:
    leave(tmp_path, "ping", "SUCCESS", "INFO")
    leave(tmp_path, "json-schema-2020-12", "FAILURE")
    output = RUNNING.format("json-schema-2020-12") + RUNNING.format("ping")
    first, second = scenarios_of(output, "", tmp_path)
    assert (first.name, first.count(Status.FAILURE)) == ("json-schema-2020-12", 1)
    assert (second.name, second.count(Status.SUCCESS), second.count(Status.INFO)) == ("ping", 1, 1)


def test_a_scenario_that_left_no_result_has_failed(tmp_path: Path) -> None:
    errors = "Failed to run scenario ping: Error: no answer"
    (scenario,) = scenarios_of(RUNNING.format("ping"), errors, tmp_path)
    assert [check.status for check in scenario.checks] == [Status.FAILURE]
    assert "no answer" in scenario.checks[0].error


def test_a_scenario_that_checked_nothing_has_failed(tmp_path: Path) -> None:
    leave(tmp_path, "ping")
    (scenario,) = scenarios_of(RUNNING.format("ping"), "", tmp_path)
    assert scenario.count(Status.FAILURE) == 1


def test_a_suite_that_ran_nothing_is_broken(tmp_path: Path) -> None:
    with pytest.raises(BrokenRunError, match="cannot find"):
        scenarios_of("", "cannot find the module", tmp_path)
