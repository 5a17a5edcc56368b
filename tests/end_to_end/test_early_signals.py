"""A server that is stopped while it is still coming up ends as one that serves: exit status 0, nothing left behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

KEEPER = Path(__file__).parent / "keeper.py"
SERVE = (sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())", "serve")
MOMENTS = (0.0, 0.0, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.4)
"""Seconds after the first signal is caught; a quiet machine serves after about 0.1."""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("transport", [(), ("--http", "--port", "0")], ids=["stdio", "http"])
def test_a_signal_at_any_early_moment_is_a_drain(
    tree: Path, environ: dict[str, str], transport: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, str(KEEPER), ",".join(map(str, MOMENTS)), *SERVE, str(tree), *transport],
        capture_output=True,
        text=True,
        env=environ,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len(MOMENTS)
    assert [(status, left) for _seconds, _number, status, left in found] == [(0, 0)] * len(MOMENTS), found
