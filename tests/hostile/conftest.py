from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CAPTURED = (str(Path(__file__).parent / "captured" / "server.py"),)
MIB = 1 << 20
DEADLINE_S = "3"

Json = dict[str, Any]


@pytest.fixture
def captured(start_server: Callable[..., Any]) -> Any:
    """A ready server whose tools hand their worker to the attacker: two workers and a spare."""
    server = start_server(
        program=CAPTURED,
        FILEWARDEN_POOL_WORKERS="2",
        FILEWARDEN_DEADLINES_READ_S=DEADLINE_S,
        FILEWARDEN_SANDBOX_MODE="required",
    )
    server.initialize()
    server.wait_until_ready()
    return server


@pytest.fixture
def attempt(captured: Any) -> Callable[..., str]:
    """Try something from inside a worker; what came of it, or how the worker died."""

    def attempt(name: str, target: str = "", number: int = 0) -> str:
        restarts = captured.status()["pool"]["restarts_total"]
        result = captured.call("attempt", name=name, target=target, number=number)
        if not result.get("isError"):
            outcome: str = result["structuredContent"]["outcome"]
            return outcome
        code: str = result["structuredContent"]["error"]["code"]
        if code != "worker_crashed":
            return code
        captured.wait_for_status(
            lambda status: (
                status["pool"]["restarts_total"] > restarts
                and status["pool"]["ready"] > 0
                and any(row["last_exit"] == "violation" for row in status["workers"])
            )
        )
        return "killed"

    return attempt


class Peak:
    """The front-end's resident memory: now, and the highest since the last `reset` (proc_pid_status(5), clear_refs)."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self.before = self._figure("VmRSS")
        (self._folder / "clear_refs").write_text("5")

    def _figure(self, name: str) -> int:
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise LookupError(name)

    @property
    def growth(self) -> int:
        return self._figure("VmHWM") - self.before


@pytest.fixture
def peak_of() -> Callable[[int], Peak]:
    return Peak
