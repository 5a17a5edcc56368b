"""Everything goes wrong at once, at random, and each caller still gets its one answer in time."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign, Plan

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(90)]  # promises by the clock

HARM_S = 6.0
ALLOWED_BYTES = 32 * 1024 * 1024
"""What the allocator of a front-end may keep after its first busy seconds."""


def test_under_chaos_each_request_has_one_answer_and_nothing_is_left_behind(
    tree: Path, environ: dict[str, str]
) -> None:
    seed = int(os.environ.get("FILEWARDEN_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    sys.stdout.write(f"FILEWARDEN_CHAOS_SEED={seed} repeats this\n")
    asyncio.run(run(Plan(seed=seed, pause_s=0.002), tree, environ))


async def run(plan: Plan, root: Path, environ: dict[str, str]) -> None:
    campaign = Campaign(plan, root, environ)
    try:
        await campaign.begin()
        before = await campaign.holdings()
        campaign.unleash()
        await campaign.harm(HARM_S)
        await campaign.calm()
        after = await campaign.holdings()
        errors = "".join(server.errors for server in campaign.servers)
    finally:
        await campaign.end()
    tally = campaign.tally
    done = dict(campaign.mischief.done)
    sys.stdout.write(f"{tally.asked} calls: {dict(tally.outcomes)}; {done}; slowest {tally.slowest_s:.3f} s\n")
    assert tally.broken == [], errors
    assert sum(tally.outcomes.values()) == tally.asked > 200
    assert set(campaign.mischief.done) == set(campaign.mischief.kinds)
    for first, last in zip(before, after, strict=True):
        assert last.processes == first.processes
        assert last.descriptors <= first.descriptors + 2
        assert last.front_end_bytes <= first.front_end_bytes + ALLOWED_BYTES
