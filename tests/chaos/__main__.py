"""The long version of the chaos suite, `scripts/soak`: load and mischief for minutes, a table, and a verdict."""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.machine import describe_machine
from bench.stats import percentile
from tests.chaos.campaign import Campaign, Plan
from tests.chaos.flatness import FEWEST_SAMPLES, drifts
from tests.chaos.watch import Holding

SAMPLES_A_RUN = 40
MIB = 1024 * 1024
HEAD = ("minute", "calls", "calls/s", "p50 ms", "p99 ms", "http RSS", "stdio RSS", "all PSS", "fds", "procs", "harm")


def main(arguments: Sequence[str]) -> int:
    """Run and judge; the exit status."""
    options = _parse(arguments)
    seed = options.seed or random.SystemRandom().randrange(1, 10**9)
    plan = Plan(seed=seed, clients=options.clients, mischief_every_s=options.every)
    _say(f"machine: {describe_machine()}")
    _say(
        f"seed {seed} (--seed {seed} repeats the mischief); {options.minutes} minutes, at least {options.calls:,} calls"
    )
    with tempfile.TemporaryDirectory(prefix="fw-soak-") as place:
        os.chmod(place, 0o755)
        return asyncio.run(_soak(plan, *_ground(Path(place)), minutes=options.minutes, calls=options.calls))


async def _soak(plan: Plan, root: Path, environ: dict[str, str], *, minutes: float, calls: int) -> int:
    campaign = Campaign(plan, root, environ)
    await campaign.begin()
    campaign.unleash()
    samples: list[list[Holding]] = []
    started = time.monotonic()
    harm = asyncio.create_task(_harm_on(campaign))
    _say(_row(HEAD))
    while time.monotonic() < started + 60 * minutes or campaign.tally.asked < calls:
        before, since = campaign.tally.asked, time.monotonic()
        await asyncio.sleep(60 * minutes / SAMPLES_A_RUN)
        samples.append(await campaign.holdings())
        _say(_row(_cells(campaign, samples[-1], time.monotonic() - started, before, since)))
    harm.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await harm
    await campaign.calm()
    await campaign.end()
    return _verdict(campaign, samples, time.monotonic() - started)


async def _harm_on(campaign: Campaign) -> None:
    while True:
        await campaign.harm(60.0)


def _cells(campaign: Campaign, held: list[Holding], elapsed_s: float, before: int, since: float) -> list[str]:
    tally = campaign.tally
    latencies, tally.latencies_s = tally.latencies_s or [0.0], []
    return [
        f"{elapsed_s / 60:.1f}",
        f"{tally.asked:,}",
        f"{(tally.asked - before) / (time.monotonic() - since):,.0f}",
        f"{1000 * percentile(latencies, 0.5):.1f}",
        f"{1000 * percentile(latencies, 0.99):.1f}",
        *(f"{each.front_end_bytes / MIB:.1f}" for each in held),
        f"{sum(each.all_bytes for each in held) / MIB:.1f}",
        str(sum(each.descriptors for each in held)),
        str(sum(each.processes for each in held)),
        str(campaign.mischief.done.total()),
    ]


def _verdict(campaign: Campaign, samples: list[list[Holding]], elapsed_s: float) -> int:
    tally = campaign.tally
    _say(f"{tally.asked:,} calls in {elapsed_s / 60:.1f} minutes: {dict(tally.outcomes.most_common())}")
    _say(f"mischief: {dict(campaign.mischief.done.most_common())}; slowest answer {tally.slowest_s:.3f} s")
    is_good = tally.broken_total == 0
    _say(f"broken promises (lost, twice, crossed, late, untyped, orphans): {tally.broken_total}")
    for sentence in tally.broken:
        _say(f"  {sentence}")
    if len(samples) < FEWEST_SAMPLES:
        return 1
    for place, name in enumerate(("http", "stdio")):
        for drift in drifts([sample[place] for sample in samples]):
            is_good &= drift.is_flat
            mark = "flat" if drift.is_flat else "GROWS"
            _say(f"{name:5} {drift.name:15} {drift.early:15,.0f} -> {drift.late:15,.0f} {drift.share:+7.1%} {mark}")
    _say("all held" if is_good else "FAILED")
    return 0 if is_good else 1


def _ground(place: Path) -> tuple[Path, dict[str, str]]:
    root, home = place / "project", place / "home"
    root.mkdir()
    home.mkdir(mode=0o700)
    return root, {"HOME": str(home), "PATH": os.defpath, "XDG_STATE_HOME": str(home / "state")}


def _row(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:>9}" for cell in cells)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Load and mischief for a long time, judged.")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long at least (default: 20)")
    parser.add_argument("--calls", type=int, default=1_000_000, help="how many calls at least (default: 1,000,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the mischief; printed, by default chosen at random")
    parser.add_argument("--clients", type=int, default=4, help="of each kind over HTTP (default: 4)")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two pieces of mischief (default: 1)")
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
