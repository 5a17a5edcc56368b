"""What the steps decide by their plan and the kernel's answers; what they do with the real kernel is tested apart."""

import errno
import os
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from filewarden.workers.confine import landlock, limits
from filewarden.workers.confine.layers import ConfinementError, Layer
from filewarden.workers.confine.limits import OPEN_FILES, WATCHERS_TASKS, LimitsReport
from filewarden.workers.confine.steps import (
    BEFORE_LINK,
    FILTER,
    Plan,
    Step,
    _perform,
    limit_resources,
    restrict_paths,
)

NEW, OLD = "6.1.0", "5.10.0"


def plan(**changed: Any) -> Plan:
    settings: dict[str, Any] = {
        "mode": "required", "profile": "ro", "roots": ((3, False), (4, False)), "memory_mb": 64, "parent_pid": 1
    }  # fmt: skip
    return Plan(**{**settings, **changed})


@pytest.mark.parametrize(
    ("changed", "release", "tasks"),
    [
        ({"profile": "watch", "is_enclosed": True}, NEW, WATCHERS_TASKS),
        ({"profile": "watch", "is_enclosed": True}, OLD, 0),
        ({"profile": "watch", "is_enclosed": False}, NEW, 0),
        ({"profile": "watch", "is_enclosed": True, "why_open": "no user namespace"}, NEW, 0),
        ({"profile": "rw", "is_enclosed": True, "max_write_bytes": 7}, NEW, 0),
    ],
)
def test_tasks_are_bounded_where_only_the_watchers_count(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], release: str, tasks: int
) -> None:
    asked: list[tuple[int, ...]] = []

    def apply(*arguments: int) -> LimitsReport:
        asked.append(arguments)
        return LimitsReport({"RLIMIT_DATA": 1}, oom_score=True)

    monkeypatch.setattr(limits, "apply", apply)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release))
    assert limit_resources(plan(**changed)).active
    assert asked == [(64, changed.get("max_write_bytes", 0), OPEN_FILES + 2, tasks)]


def test_where_memory_cannot_be_limited_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "apply", lambda *_: LimitsReport({"RLIMIT_CORE": 0}, oom_score=True))
    with pytest.raises(OSError, match="memory cannot be limited") as raised:
        limit_resources(plan())
    assert raised.value.errno == errno.ENOSYS


@pytest.mark.parametrize(
    ("changed", "abi", "is_raised"),
    [
        ({}, 3, True),
        ({}, 2, False),
        ({"is_enclosed": True}, 2, True),
        ({"mode": "best-effort"}, 2, True),
        ({"profile": "watch"}, 2, False),
    ],
)
def test_an_old_landlock_is_raised_where_something_else_holds_or_must_not(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], abi: int, is_raised: bool
) -> None:
    monkeypatch.setattr(landlock, "query", lambda: abi)
    monkeypatch.setattr(landlock, "restrict", lambda _roots: landlock.LandlockReport(abi, network=False, scopes=False))
    if is_raised:
        assert restrict_paths(plan(**changed)).abi == abi
    else:
        with pytest.raises(OSError, match=f"ABI {abi} is older than 3"):
            restrict_paths(plan(**changed))


def without(_plan: Plan) -> Layer:
    raise OSError(errno.ENOSYS, "Not there")


@pytest.mark.parametrize("step", [*BEFORE_LINK, FILTER], ids=lambda step: step.layer)
@pytest.mark.parametrize("is_enclosed", [False, True], ids=["open", "enclosed"])
def test_what_a_worker_cannot_do_without(step: Step, is_enclosed: bool) -> None:
    missing = msgspec.structs.replace(step, run=without)
    layer = _perform(missing, plan(mode="best-effort", is_enclosed=is_enclosed))
    assert layer == Layer(active=False, why=f"Not there: {step.fix}")
    stand_ins = {"openat2", "landlock"} if is_enclosed else {"openat2"}
    if step.layer in stand_ins:
        assert _perform(missing, plan(is_enclosed=is_enclosed)) == layer
    else:
        with pytest.raises(ConfinementError, match=step.layer):
            _perform(missing, plan(is_enclosed=is_enclosed))
