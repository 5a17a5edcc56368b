"""A worker's confinement from its profile to the report that the broker judges."""

from typing import Any

import msgspec

from filewarden.workers.confine import selftest
from filewarden.workers.confine.layers import ConfinementError, Layers, Mode
from filewarden.workers.confine.level import assess, is_accepted
from filewarden.workers.confine.steps import Plan, confine_after_link, confine_before_link
from filewarden.workers.place import Place
from filewarden.workers.profile import Profile
from filewarden.workers.wire import Report

LARGEST_WRITTEN_BYTES = 1 << 30
"""No file grows beyond it through us (RLIMIT_FSIZE): one call that has gone mad must not fill a disk."""


class Confinement:
    """The two halves of the confinement, around the connection to the broker, and what they achieved.

    A layer that fails in mode "required" ends the attempt; the worker then only reports why, and the broker ends it.
    """

    def __init__(self, profile: Profile, place: Place, zygote_pid: int) -> None:
        self._mode: Mode = msgspec.convert(profile.sandbox, Mode)
        self._plan = Plan(
            mode=self._mode,
            profile=profile.role,
            roots=(
                *((root.fd, profile.role == "rw" and root.writable) for root in place.roots),
                *(() if place.history is None else ((place.history, True),)),
            ),
            is_enclosed=place.is_enclosed,
            why_open=place.why_open,
            memory_mb=profile.memory_mb,
            parent_pid=zygote_pid,
            max_write_bytes=LARGEST_WRITTEN_BYTES if profile.role == "rw" else 0,
        )
        self._layers: Layers | None = None
        self._refusal: str | None = None

    def before_link(self) -> None:
        """Bind this thread, before it starts others."""
        try:
            self._layers = confine_before_link(self._plan)
        except ConfinementError as error:
            self._refusal = str(error)

    def after_link(self) -> None:
        """Put the filter on every thread."""
        if self._layers is None or self._refusal is not None:
            return
        try:
            self._layers = confine_after_link(self._plan, self._layers)
        except ConfinementError as error:
            self._refusal = str(error)

    def report(self) -> Report:
        """What holds, as measured by attempting what must fail."""
        if self._layers is None or self._refusal is not None:
            return Report(level="paths-only", layers={}, degraded=(), refusal=self._refusal)
        checks = selftest.run(self._plan, self._layers)
        assessment = assess(self._mode, self._layers, checks)
        refusal = None
        if not is_accepted(self._mode, assessment.level, checks):
            broken = ", ".join(check.name for check in checks if not check.held)
            refusal = f"The sandbox reaches only the level {assessment.level!r}. " + " ".join(assessment.degraded)
            refusal += f" Not held: {broken}." if broken else ""
        layers: dict[str, Any] = msgspec.to_builtins(self._layers)
        return Report(level=assessment.level, layers=layers, degraded=tuple(assessment.degraded), refusal=refusal)
