import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.broker.audit_verification import Verifier

CAPTURED = (str(Path(__file__).parent / "captured" / "server.py"),)
MIB = 1 << 20
DEADLINE_S = "3"

Json = dict[str, Any]


@pytest.fixture
def captured(start_server: Callable[..., Any], tmp_path: Path) -> Any:
    """A ready server whose tools hand their worker to the attacker: two workers and a spare."""
    server = start_server(
        program=CAPTURED,
        FILEWARDEN_AUDIT_FILE=str(tmp_path / "audit.jsonl"),
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


@pytest.fixture
def audited(captured: Any) -> Callable[[int], tuple[list[Json], list[Json]]]:
    """The calls and the breaches in the audit log, which is whole, once there are so many breaches."""
    path = Path(captured.environ["FILEWARDEN_AUDIT_FILE"])

    def read(breaches: int) -> tuple[list[Json], list[Json]]:
        give_up_at = time.monotonic() + 20
        while True:
            lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
            entries = [json.loads(line) for line in lines]
            found = [entry for entry in entries if entry.get("event") == "breach"]
            if len(found) >= breaches:
                break
            assert time.monotonic() < give_up_at, entries
            threading.Event().wait(0.02)
        findings = Verifier().read(lines)
        assert (findings.fault, findings.breaches) == (None, len(found))
        return [entry for entry in entries if "tool" in entry], found

    return read


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
