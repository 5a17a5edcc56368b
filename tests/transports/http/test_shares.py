import pytest

from filewarden.broker.protocol.principal import Principal
from filewarden.config.sections.pool import PoolSettings
from filewarden.transports.http.descriptors import FEWEST_CONNECTIONS, room_for_connections
from filewarden.transports.http.shares import Shares, share_of_principal

ANN, BOB = Principal("ann"), Principal("bob")


def refused(shares: Shares, principal: Principal) -> int | None:
    answer = shares.refusal(principal)
    if answer is None:
        return None
    assert any(name == b"retry-after" for name, _value in answer.headers)
    return answer.status


def test_one_principal_cannot_take_the_places_of_others() -> None:
    shares = Shares("sessions", limit=3, per_principal=2)
    for _ in range(2):
        assert refused(shares, ANN) is None
        shares.take("ann")
    assert refused(shares, ANN) == 429
    assert refused(shares, BOB) is None
    shares.take("bob")
    assert [refused(shares, ANN), refused(shares, BOB)] == [503, 503]
    shares.give_back("ann")
    assert [refused(shares, ANN), refused(shares, BOB)] == [None, None]


@pytest.mark.parametrize(
    ("chosen", "has_many", "share"), [(0, False, 100), (0, True, 50), (7, True, 7), (7, False, 7), (900, True, 100)]
)
def test_the_share_is_half_of_all_where_there_are_many_principals(chosen: int, has_many: bool, share: int) -> None:
    assert share_of_principal(chosen, limit=100, has_many=has_many) == share


def test_connections_leave_room_for_workers() -> None:
    few, many = PoolSettings(workers=2, scan_workers=1), PoolSettings(workers=64, scan_workers=1)
    assert room_for_connections([many], 1024) < room_for_connections([few], 1024) < 512
    assert room_for_connections([many], 256) == FEWEST_CONNECTIONS
