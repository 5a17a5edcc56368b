from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from filewarden.broker.call import Call
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.hung_roots import MOST_STUCK_IN_ROOT
from filewarden.broker.protocol.outcome import Failed, Reason
from filewarden.broker.root_closures import RootClosures
from filewarden.config.sections.roots import RootSettings
from filewarden.workers.errors import Code


class Reading(msgspec.Struct):
    path: str


@dataclass
class Place:
    """The closures of two roots, and what was said of them."""

    sentences: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        roots = CallRoots([RootSettings(name=name, path=f"/srv/{name}") for name in ("near", "far")])
        self.closures = RootClosures(roots, self.sentences.append)


@pytest.fixture
def call_to(make_call: Callable[..., Call]) -> Callable[[str], Call]:
    def made(path: str) -> Call:
        call = make_call()
        call.arguments = Reading(path)
        return call

    return made


def test_a_root_whose_killed_workers_do_not_die_is_closed_until_it_answers(call_to: Callable[[str], Call]) -> None:
    place = Place()
    closures, far = place.closures, call_to("far/a")
    stuck = [far] * MOST_STUCK_IN_ROOT
    assert not closures.look([None] * MOST_STUCK_IN_ROOT), "who had no call hangs in no root"
    assert not closures.look([*stuck[1:], None, call_to("near/a")])
    assert (closures.is_any, place.sentences) == (False, [])

    assert closures.look(stuck)
    assert not closures.look(stuck), "it is told once"
    assert (closures.is_any, closures.names, len(place.sentences)) == (True, ("far",), 1)
    assert f"root 'far' hangs: {MOST_STUCK_IN_ROOT} workers" in place.sentences[0]
    refused = closures.refusal(far, 1.0)
    assert isinstance(refused, Failed)
    assert (refused.code, refused.reason, refused.details) == (
        Code.IO_ERROR,
        Reason.ROOT_HUNG,
        {"retry_after_ms": 1000},
    )
    assert closures.refusal(call_to("near/a"), 1.0) is None

    assert not closures.look([])
    assert closures.refusal(far, 2.0) is None, "one may try"
    assert closures.refusal(far, 2.5) is not None
    closures.answered(call_to("near/a"))
    assert closures.is_any
    closures.answered(far)
    assert (closures.is_any, closures.names) == (False, ())
    assert place.sentences[1:] == ["the file system of root 'far' answers again"]
