import re

import pytest

from filewarden.transports.http.page.visits import MOST_VISITS, VISIT_S, Visits


def cookie_of(field: bytes) -> bytes:
    return field.partition(b";")[0]


def test_a_cookie_opens_until_its_time_is_over() -> None:
    visits = Visits(8765)
    field = visits.begin(1000.0)
    assert re.fullmatch(rb"filewarden_8765=[\w-]{43}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict", field)
    found = visits.find(cookie_of(field), 1000.0 + VISIT_S - 1)
    assert found is not None
    assert found.expires_at == 1000.0 + VISIT_S
    assert visits.find(cookie_of(field), 1000.0 + VISIT_S) is None


def test_a_cookie_that_came_encrypted_stays_so() -> None:
    assert Visits(1).begin(0.0, is_encrypted=True).endswith(b"; Secure")


def test_it_is_found_among_others_and_ends_for_good() -> None:
    visits = Visits(8765)
    mine, other = cookie_of(visits.begin(0.0)), cookie_of(visits.begin(0.0))
    assert visits.find(b"a=b; " + mine + b"; c=d", 1.0) is not None
    assert visits.end(b"a=b; " + mine).startswith(b"filewarden_8765=; Path=/; Max-Age=0;")
    assert visits.find(mine, 1.0) is None
    assert visits.find(other, 1.0) is not None


@pytest.mark.parametrize(
    "cookies", [b"", b"filewarden_8765=", b"filewarden_8765", b"=;=;;", b"filewarden_1=x", b"\xff"]
)
def test_what_is_no_cookie_of_ours_opens_nothing(cookies: bytes) -> None:
    visits = Visits(8765)
    visits.begin(0.0)
    assert visits.find(cookies, 1.0) is None


def test_a_cookie_of_another_server_of_the_machine_opens_nothing() -> None:
    one, other = Visits(1), Visits(2)
    value = cookie_of(one.begin(0.0)).partition(b"=")[2]
    assert other.find(b"filewarden_2=" + value, 1.0) is None


def test_there_is_a_bound_on_browsers_and_the_oldest_goes() -> None:
    visits = Visits(1)
    cookies = [cookie_of(visits.begin(0.0)) for _ in range(MOST_VISITS + 1)]
    assert visits.find(cookies[0], 1.0) is None
    assert all(visits.find(cookie, 1.0) for cookie in cookies[1:])
