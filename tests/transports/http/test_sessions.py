"""What is left of a session that never came to be."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from filewarden.broker.guests import Guests
from filewarden.broker.holdings import Holdings
from filewarden.broker.log import Log
from filewarden.broker.protocol.jsonrpc import decode
from filewarden.broker.protocol.principal import LOCAL
from filewarden.config.sections.http import HttpSettings
from filewarden.transports.http.legacy import Legacy
from filewarden.transports.http.peer import SlowReaders
from filewarden.transports.http.sessions import Sessions
from filewarden.transports.http.shares import Shares
from filewarden.workers.catalogue import Catalogue
from tests.drivers.desk import Desk
from tests.drivers.messages import CLIENT, rpc


@pytest.mark.parametrize(("version", "is_kept"), [("2025-06-18", True), (5, False)])
def test_nothing_is_kept_of_a_session_that_could_not_be_opened(version: object, is_kept: bool) -> None:
    desk, minted = Desk(Catalogue([])), []

    def open_conversation(*_: Any, **given: Any) -> Any:
        minted.append(weakref.ref(given["notify"].__self__))  # the general stream, to which everything leads
        return desk.converse("ann", given["notify"])

    broker: Any = SimpleNamespace(
        holdings=Holdings(), guests=Guests(), open_conversation=open_conversation, now=int, is_draining=False
    )
    clock: Any = SimpleNamespace(now=int, at=lambda *_: None)
    shares = Shares("sessions", limit=1, per_principal=1)
    sessions = Sessions(broker, clock, shares=shares, idle_s=60, max_kept_bytes=1000)
    legacy = Legacy(sessions, SlowReaders(Log(2), broker.holdings, 1000), HttpSettings())
    request = msgspec.json.encode(rpc("initialize", {**CLIENT, "protocolVersion": version}))
    answer = legacy.opened(LOCAL, decode(request))
    assert bool(answer.headers) is is_kept
    gc.collect()
    assert [each() is not None for each in minted] == [is_kept]
