import asyncio

import pytest

from filewarden.broker.protocol.principal import LOCAL, Principal
from filewarden.transports.http.answer import Answer
from filewarden.transports.http.authentication import LocalToken, fingerprint

TOKEN = "secret-secret-secret"


def who(access: LocalToken, authorization: bytes | None) -> Principal | Answer:
    fields = {} if authorization is None else {b"authorization": authorization}
    return asyncio.run(access.authenticate(fields))


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, b'Bearer realm="mcp"'),
        (b"Bearer wrong", b'Bearer realm="mcp", error="invalid_token"'),
        (b"Basic secret-secret-secret", b'Bearer realm="mcp", error="invalid_token"'),
        (b"Bearer ", b'Bearer realm="mcp", error="invalid_token"'),
        (b"Bearer secret-secret-secret2", b'Bearer realm="mcp", error="invalid_token"'),
        (b"Bearer secret-secret-secret, Bearer secret-secret-secret", b'Bearer realm="mcp", error="invalid_token"'),
    ],
)
def test_a_challenge_says_whether_a_token_was_sent(authorization: bytes | None, challenge: bytes) -> None:
    refusal = who(LocalToken(TOKEN), authorization)
    assert isinstance(refusal, Answer)
    assert refusal.status == 401
    assert dict(refusal.headers)[b"www-authenticate"] == challenge


def test_the_holder_of_the_token_is_one_principal_with_every_right() -> None:
    holder = who(LocalToken(TOKEN), b"bearer secret-secret-secret")
    assert isinstance(holder, Principal)
    assert holder == who(LocalToken(TOKEN), b"Bearer secret-secret-secret")
    assert holder.scopes is None
    assert holder.key.startswith("token:")
    assert TOKEN not in holder.key
    assert holder != who(LocalToken("other-other-other"), b"Bearer other-other-other")


def test_without_a_token_everybody_is_local() -> None:
    assert who(LocalToken(None), None) == LOCAL
    assert who(LocalToken(None), b"Bearer anything") == LOCAL


def test_parts_of_a_name_do_not_run_into_each_other() -> None:
    assert len({fingerprint("ab", "c"), fingerprint("a", "bc"), fingerprint("abc"), fingerprint("ab", "c", "")}) == 4


@pytest.mark.parametrize(
    ("granted", "needed", "lacks"),
    [
        (None, ("files:read", "files:write", "anything"), False),
        (frozenset({"files:read"}), ("files:read",), False),
        (frozenset({"files:write"}), ("files:read", "files:write"), False),
        (frozenset({"files:read"}), ("files:read", "files:write"), True),
        (frozenset(), ("files:read",), True),
        (frozenset({"files:read "}), ("files:read",), True),
        (frozenset(), (), False),
    ],
)
def test_writing_implies_reading(granted: frozenset[str] | None, needed: tuple[str, ...], lacks: bool) -> None:
    assert Principal("x", granted).lacks(needed) is lacks
