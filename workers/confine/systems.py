"""What each operating system can do for a worker today; nothing here claims what was not measured."""

import sys
from typing import NamedTuple

from filewarden.workers.confine.level import Level


class System(NamedTuple):
    """One operating system. `best_level` is the most that a worker there could report."""

    name: str
    best_level: Level
    can_serve: bool
    missing: str


LINUX = System("Linux", "full", can_serve=True, missing="")
MACOS = System(
    "macOS",
    "paths-only",
    can_serve=False,
    missing="handles on processes, parent-death signals and Landlock; a Seatbelt profile is not written yet",
)
WINDOWS = System(
    "Windows",
    "paths-only",
    can_serve=False,
    missing="forked workers, descriptors of folders and UNIX peer credentials; a job object with a restricted token is "
    "not written yet",
)
_BY_PLATFORM = {"linux": LINUX, "darwin": MACOS, "win32": WINDOWS}


class UnsupportedSystemError(Exception):
    """Workers cannot run here, confined or not; the sentence says what is missing and what to do."""

    def __init__(self, system: System) -> None:
        super().__init__(
            f"Filewarden cannot serve on {system.name} yet: it lacks {system.missing}. Nothing is served, in any "
            f"sandbox mode (the level would be {system.best_level}). Run it on Linux: a container or a virtual "
            "machine will do."
        )


def this_system() -> System:
    """The system that this process runs on."""
    return _BY_PLATFORM.get(sys.platform) or System(
        sys.platform, "paths-only", can_serve=False, missing="what workers need from Linux"
    )


def require_supported() -> None:
    """Raise UnsupportedSystemError where no worker can run."""
    system = this_system()
    if not system.can_serve:
        raise UnsupportedSystemError(system)
