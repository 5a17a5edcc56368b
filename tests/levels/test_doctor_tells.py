"""The doctor on machines that lack a layer: what a server would do, and what gets through."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("whole")]

METADATA = {"see name, size and times of a file outside", "hold a handle on a file outside"}
READING = {"open a file outside the root", "climb out with ..", "follow a link that leads out", "list the whole system"}
WRITING = {
    "create a file outside", "write to a file outside", "empty a file outside", "create a file in a read-only root",
    "write to a file of a read-only root", "empty a file by reading it",
}  # fmt: skip
CASES = {
    "as it is": (0, "full", set()),
    "container without user namespaces": (0, "strong", METADATA),
    "mounts denied half-way": (0, "strong", METADATA),
    "kernel without landlock": (0, "strong", set()),
    "old landlock": (0, "strong", set()),
    "kernel without openat2": (0, "strong", set()),
    "neither landlock nor namespaces": (1, "partial", METADATA | READING | WRITING),
    "old landlock, no namespaces": (1, "partial", METADATA | {"empty a file by reading it"}),
}
NOT_HERE = {
    "container without user namespaces": "user namespaces (EPERM)",
    "kernel without landlock": "landlock (ENOSYS)",
    "kernel without openat2": "openat2 (ENOSYS)",
    "neither landlock nor namespaces": "landlock (EPERM), user namespaces (EPERM)",
    "old landlock, no namespaces": "user namespaces (EPERM)",
}
"""What the kernel itself lacks, as the doctor found by trying each feature alone."""


@pytest.mark.parametrize("name", CASES)
def test_it_tells_the_truth(
    name: str, machine: Callable[[str], tuple[str, ...]], environ: dict[str, str], tree: Path
) -> None:
    status, level, through = CASES[name]
    command = [sys.executable, *machine(name), "doctor", "--json", str(tree)]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=40, check=False)
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_status"], document["level"]) == (status, status, level)
    assert (document["refusal"] is None) == (status == 0)
    assert {row["what"] for row in document["rows"] if row["seen"] == "got through"} == through
    assert [row for row in document["rows"] if row["state"] == "BROKEN"] == []
    missing = {row["what"] for row in document["rows"] if row["area"] == "layers" and row["state"] != "held"}
    assert missing == {layer for layer, facts in document["layers"].items() if not facts["active"]}
    assert document["machine"].get("not here", "") == NOT_HERE.get(name, "")


def test_a_worker_that_writes_is_held_in_its_root_by_one_layer_alone(
    machine: Callable[[str], tuple[str, ...]], environ: dict[str, str], tree: Path
) -> None:
    """Landlock's first version: it cannot be told to let files move between folders, and so lets none."""
    command = [sys.executable, *machine("old landlock, no namespaces"), "doctor", "--json", "--allow-write", str(tree)]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=40, check=False)
    document = json.loads(done.stdout)
    rows = {row["what"]: row for row in document["rows"] if row["area"] == "writers"}
    assert (done.returncode, document["level"]) == (1, "partial")
    assert {what for what, row in rows.items() if row["seen"] == "got through"} == METADATA
    assert [row for row in document["rows"] if row["state"] == "BROKEN"] == []


def test_without_a_filter_the_kernel_and_the_neighbours_are_open(
    machine: Callable[[str], tuple[str, ...]], environ: dict[str, str], tree: Path
) -> None:
    command = [sys.executable, *machine("no filter on all threads"), "doctor", "--json", str(tree)]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=40, check=False)
    document = json.loads(done.stdout)
    rows = {row["what"]: row for row in document["rows"]}
    assert (done.returncode, document["level"]) == (1, "partial")
    assert "seccomp" in document["refusal"]
    assert rows["start a process"]["seen"] == "got through"
    assert rows["map memory as code"]["seen"] == "got through"
    assert rows["open a file outside the root"]["state"] == "held"
    assert rows["connect over TCP"]["state"] == "held"
    assert rows["every thread is under the filter"]["state"] == "not available"


@pytest.mark.parametrize("name", ["no handles on processes", "mounts denied with no way back"])
def test_where_no_worker_can_live_it_says_why(
    name: str, machine: Callable[[str], tuple[str, ...]], environ: dict[str, str], tree: Path
) -> None:
    command = [sys.executable, *machine(name), "doctor", str(tree)]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=40, check=False, text=True)
    assert done.returncode == 1
    assert "would refuse to serve" in done.stdout
    assert "To fix it" in done.stdout
    assert "Traceback" not in done.stderr
