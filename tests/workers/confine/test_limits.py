"""The values of a worker's limits; that they hold is tested with the steps."""

import json
import mmap
import os
import subprocess
import sys
from typing import Any

import pytest

from filewarden.workers.confine.limits import MIB, OOM_SCORE, UNKNOWN_USE_MB, Use, counts_by_namespace, measure, wanted

PROGRAM = """
import json, resource
from filewarden.workers.confine import limits
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
report = limits.apply(64, 10, 64)
with open("/proc/self/oom_score_adj") as file:
    score = int(file.read())
found = {name: resource.getrlimit(getattr(resource, name)) for name in report.held}
print(json.dumps([report.held, found, report.oom_score and score]))
"""


def test_every_limit_is_a_hard_one_and_none_is_raised() -> None:
    command = [sys.executable, "-I", "-c", PROGRAM]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=20)
    held, found, score = json.loads(done.stdout)
    assert found == {name: [value, value] for name, value in held.items()}
    assert held["RLIMIT_NOFILE"] == 40, "a lower one that was there before stays"
    assert score in (OOM_SCORE, False), "a container that is a victim before all others may not be a lesser one"
    nothing = {"RLIMIT_CORE", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"}
    assert {name for name, value in held.items() if value == 0} == nothing
    assert set(held) == nothing | {"RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_AS"}


def test_what_is_mapped_counts_whether_it_is_used_or_not() -> None:
    before = measure()
    with mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        after = measure()
    assert after.data - before.data > 32 * MIB
    assert after.address_space - before.address_space > 32 * MIB


def test_where_nobody_tells_what_is_mapped_it_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Any, *_arguments: Any, **_more: Any) -> int:
        raise FileNotFoundError(path)

    with monkeypatch.context() as without_proc:
        without_proc.setattr(os, "open", missing)
        use = measure()
    assert use == Use(UNKNOWN_USE_MB * MIB, UNKNOWN_USE_MB * MIB)


def test_memory_counts_from_what_is_mapped_already() -> None:
    small = dict(wanted(64, 10, 64, Use(address_space=100 * MIB, data=20 * MIB)))
    big = dict(wanted(64, 10, 64, Use(address_space=900 * MIB, data=220 * MIB)))
    assert small["RLIMIT_DATA"] == 84 * MIB
    assert big["RLIMIT_DATA"] - small["RLIMIT_DATA"] == 200 * MIB
    assert big["RLIMIT_AS"] - small["RLIMIT_AS"] == 800 * MIB
    assert small["RLIMIT_AS"] - 100 * MIB > small["RLIMIT_DATA"] - 20 * MIB


def test_nothing_is_left_behind_on_disk() -> None:
    limits = dict(wanted(64, 10, 64, Use(0, 0)))
    assert limits["RLIMIT_CORE"] == 0
    assert limits["RLIMIT_FSIZE"] == 10
    assert limits["RLIMIT_NOFILE"] == 64


def test_this_process_has_something_mapped() -> None:
    use = measure()
    assert use.address_space >= use.data > MIB


def test_tasks_are_bounded_only_where_no_others_of_the_account_count() -> None:
    assert "RLIMIT_NPROC" not in dict(wanted(64, 10, 64, Use(0, 0)))
    assert dict(wanted(64, 10, 64, Use(0, 0), tasks=7))["RLIMIT_NPROC"] == 7
    for release in ("5.14", "5.15.0-91-generic", "6.1.0", "10.0-rc1"):
        assert counts_by_namespace(release), release
    for release in ("5.13.19", "5.4.0-generic", "4.18.0-513.el8", "unknown"):
        assert not counts_by_namespace(release), release
