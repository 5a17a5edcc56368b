"""A client that makes trouble, in a process of its own so that it costs the others only what the server lets it.

`python -m bench.trouble PORT TOKEN KIND` says "begun" on standard output, and goes on until its input ends.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bench.ground import MISSING_PATTERN, SMALL_FILE, TREE_FOLDER
from tests.chaos.clients import Client, Session
from tests.chaos.tally import Tally

PIPES = 64
GREEDY = 100
PAUSE_S = 0.25
"""Between two rounds of pipes: they do not hang, so without it this would be a flood."""


async def scan(client: Client) -> None:
    """One search of a big tree that finds nothing."""
    await client.call("search_files", {"path": TREE_FOLDER, "pattern": MISSING_PATTERN, "recursive": True})


async def pipes(client: Client) -> None:
    """Reads of 64 pipes that nobody writes to."""
    await asyncio.gather(*(client.call("read_file", {"path": f"pipe-{number}"}) for number in range(PIPES)))
    await asyncio.sleep(PAUSE_S)


async def hang(client: Client) -> None:
    """As many calls as that, each of which hangs until its deadline."""
    await asyncio.gather(*(client.call("sleep", {"seconds": 60.0 + number}) for number in range(PIPES)))


async def greed(client: Client) -> None:
    """A hundred requests that are always under way; one that is refused comes back when it was told to."""

    async def want() -> None:
        for _ in range(20):
            if await client.call("read_file", {"path": SMALL_FILE}) != "ok":
                await asyncio.sleep(client.retry_after_s)

    await asyncio.gather(*(want() for _ in range(GREEDY)))


KINDS: Mapping[str, Callable[[Client], Awaitable[None]]] = {
    "scan": scan,
    "pipes": pipes,
    "hang": hang,
    "greed": greed,
}


async def main(arguments: Sequence[str]) -> None:
    """Make trouble of one kind until the input ends."""
    port, token, kind = arguments
    client = Session(Tally(60.0), int(port), token)
    await client.open()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    while not ended.done():
        await KINDS[kind](client)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
