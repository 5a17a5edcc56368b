"""What faults, greed and crowds cost others: the figures of ours alone, each with the bound that it is held to."""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import crowds, endings, fairness, renewals
from bench.ground import build_ground

TREE_ENTRIES = 30_000
FIGURES: Mapping[str, str] = {**endings.FIGURES, **fairness.FIGURES, **crowds.FIGURES, **renewals.FIGURES}


def measure() -> dict[str, float]:
    """Every figure of `FIGURES`, from servers of their own."""
    with tempfile.TemporaryDirectory(prefix="fw-bench-") as place:
        os.chmod(place, 0o755)  # noqa: S103 - nothing private is in it
        ground, home = Path(place, "ground"), Path(place, "home")
        ground.mkdir()
        home.mkdir(mode=0o700)
        build_ground(str(ground), TREE_ENTRIES)
        environ = {"HOME": str(home), "PATH": os.defpath, "XDG_STATE_HOME": str(home / "state")}
        return asyncio.run(_all(ground, environ))


async def _all(ground: Path, environ: dict[str, str]) -> dict[str, float]:
    return {
        **await endings.measure(ground, environ),
        **await fairness.measure(ground, environ),
        **await crowds.measure(ground, environ),
        **await asyncio.to_thread(renewals.measure, ground, environ),
    }
