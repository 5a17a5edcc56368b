from collections.abc import Callable
from itertools import count

import msgspec
import pytest

from filewarden.broker.call import Call
from filewarden.broker.protocol.outcome import Outcome
from filewarden.workers.context import Context
from filewarden.workers.tool import Lane, Tool

MakeCall = Callable[..., Call]


class Nothing(msgspec.Struct, frozen=True):
    pass


def _run(_context: Context, _arguments: Nothing) -> Nothing:
    return Nothing()


@pytest.fixture
def tool() -> Tool:
    return Tool(name="noop", title="", description="", arguments=Nothing, result=Nothing, run=_run)


@pytest.fixture
def outcomes() -> list[tuple[int, Outcome]]:
    return []


@pytest.fixture
def make_call(tool: Tool, outcomes: list[tuple[int, Outcome]]) -> MakeCall:
    ids = count(1)

    def make(client: str = "a", lane: Lane = Lane.QUICK, *, principal: str = "local", writes: bool = False) -> Call:
        number = next(ids)
        return Call(
            id=number,
            client=client,
            principal=principal,
            tool=msgspec.structs.replace(tool, writes=writes),
            arguments=Nothing(),
            lane=lane,
            submitted_at=0.0,
            soft_at=10.0,
            hard_at=10.25,
            deliver=lambda outcome: outcomes.append((number, outcome)),
        )

    return make
