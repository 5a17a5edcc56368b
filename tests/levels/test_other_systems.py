"""Systems that are not Linux: nothing is served, the sentence says what is missing, and no level is claimed."""

import subprocess
import sys
from pathlib import Path

import pytest

from filewarden.workers.confine import systems
from filewarden.workers.confine.systems import MACOS, WINDOWS, System, UnsupportedSystemError

PRETEND = (
    "import sys; from filewarden.transports.cli import main; sys.platform = {platform!r}; raise SystemExit(main())"
)
CONFINE = """
import ctypes, fcntl, mmap, os, resource, select, signal, socket, subprocess, sys, tempfile
from filewarden.workers.confine import limits
root = os.open(sys.argv[1], os.O_RDONLY)
sys.platform = sys.argv[2]
from filewarden.workers.confine import level, selftest, steps
plan = steps.Plan(mode="best-effort", profile="ro", roots=((root, False),), memory_mb=64, parent_pid=os.getppid())
layers = steps.confine_after_link(plan, steps.confine_before_link(plan))
verdict = level.assess(plan.mode, layers, selftest.run(plan, layers))
print(verdict.level, sum(getattr(layers, name).active for name in layers.__struct_fields__), len(verdict.degraded))
"""
NAMES = {"darwin": "macOS", "win32": "Windows", "freebsd14": "freebsd14"}


@pytest.mark.parametrize("platform", NAMES)
@pytest.mark.parametrize("mode", ["required", "best-effort", "off"])
def test_serve_ends_at_once_with_one_sentence(platform: str, mode: str, tmp_path: Path) -> None:
    program = PRETEND.format(platform=platform)
    command = [sys.executable, "-I", "-c", program, "serve", str(tmp_path), "--sandbox", mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Filewarden cannot serve on {NAMES[platform]} yet: it lacks ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("platform", NAMES)
def test_the_doctor_says_the_same(platform: str) -> None:
    command = [sys.executable, "-I", "-c", PRETEND.format(platform=platform), "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert NAMES[platform] in done.stderr


@pytest.mark.parametrize("system", [MACOS, WINDOWS])
def test_a_system_that_was_never_measured_claims_nothing(system: System) -> None:
    assert system.best_level == "paths-only"
    assert not system.can_serve


def test_linux_is_supported_and_others_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    systems.require_supported()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UnsupportedSystemError, match="macOS"):
        systems.require_supported()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_the_steps_of_the_confinement_reach_paths_only_and_say_so(platform: str, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", CONFINE, str(tmp_path), platform]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    level, active, degraded = done.stdout.split()
    assert level == "paths-only"
    assert int(active) == 0
    assert int(degraded) >= 6
