"""Good and hostile tokens, against the real checks with an issuer beside them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from filewarden.broker.log import Log
from filewarden.broker.protocol.principal import Principal
from filewarden.transports.http.answer import Answer
from filewarden.transports.http.oauth import resource_server
from filewarden.transports.http.oauth.challenge import Challenges
from filewarden.transports.http.oauth.fetch import FetchError
from filewarden.transports.http.oauth.keys import parse_keys
from filewarden.transports.http.oauth.resource_server import ResourceServer
from filewarden.transports.http.oauth.source import Freshness, KeySource
from filewarden.transports.http.oauth.token import LEEWAY_S, LONGEST_TOKEN, Issued, verified_claims

METADATA = "https://files.example/.well-known/oauth-protected-resource/mcp"
ALGORITHMS = ("RS256", "ES256", "EdDSA")


class Published:
    """The issuer's document, as if it were fetched."""

    def __init__(self, issuer: Any) -> None:
        self.issuer = issuer
        self.fetches = 0
        self.is_down = False

    async def fetch(self) -> bytes:
        self.fetches += 1
        if self.is_down:
            raise FetchError("down")
        document: bytes = self.issuer.published()
        return document


class Door:
    """A resource server with a clock that tests move, asked as the guard does."""

    def __init__(self, issuer: Any) -> None:
        self.ahead_s = 0.0
        self.published = Published(issuer)
        freshness = Freshness(renew_s=300, expire_s=3900, pause_s=10)
        keys = KeySource(self.published, lambda text: parse_keys(text, ALGORITHMS), freshness, self.monotonic, Log(2))
        issued = Issued(issuer=issuer.name, algorithms=ALGORITHMS, resource=issuer.resource)
        self.server = ResourceServer(issued, keys, Challenges(METADATA, ("files:read",)), self.now)

    def now(self) -> float:
        return time.time() + self.ahead_s

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s

    async def ask(self, token: str | bytes | None, query: bytes = b"") -> Principal | Answer:
        if token is None:
            return await self.server.authenticate({}, query)
        raw = token.encode() if isinstance(token, str) else token
        return await self.server.authenticate({b"authorization": b"Bearer " + raw}, query)

    async def enter(self, token: str) -> Principal:
        found = await self.ask(token)
        assert isinstance(found, Principal), found.body
        return found

    async def refused(self, token: str | bytes | None, query: bytes = b"") -> tuple[int, str]:
        found = await self.ask(token, query)
        assert isinstance(found, Answer)
        return found.status, dict(found.headers).get(b"www-authenticate", b"").decode()


@pytest.fixture
def door(issuer: Any) -> Door:
    return Door(issuer)


@pytest.mark.parametrize("key_id", ["rs", "es", "ed"])
def test_a_good_token_says_who_it_is(door: Door, issuer: Any, key_id: str) -> None:
    found = asyncio.run(door.enter(issuer.token(key_id, scope="files:read files:write")))
    assert found.scopes == frozenset({"files:read", "files:write"})
    assert found.key.startswith("oauth:")
    assert "ann" not in found.key


@pytest.mark.parametrize(
    "changes",
    [
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "application/at+jwt"}},
        {"header": {"typ": "AT+JWT"}},
        {"header": {"typ": None}},
        {"aud": ["https://other.example", "https://files.example/mcp"]},
        {"nbf_in": LEEWAY_S - 5},
        {"exp_in": 5 - LEEWAY_S},
        {"exp_in": 60.5},
        {"header": {"jku": "https://evil.example/keys", "x5u": "https://evil.example"}},
    ],
)
def test_other_good_tokens(door: Door, issuer: Any, changes: dict[str, Any]) -> None:
    asyncio.run(door.enter(issuer.token(**changes)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": "https://issuer.example/"}, "another issuer"),
        ({"iss": None}, "lacks a claim"),
        ({"sub": None}, "lacks a claim"),
        ({"sub": ""}, "lacks a claim"),
        ({"aud": None}, "lacks a claim"),
        ({"aud": "https://files.example"}, "another resource"),
        ({"aud": "https://files.example/mcp/"}, "another resource"),
        ({"aud": []}, "another resource"),
        ({"aud": 7}, "lacks a claim"),
        ({"exp": None}, "lacks a claim"),
        ({"exp": "tomorrow"}, "lacks a claim"),
        ({"exp_in": -LEEWAY_S - 1}, "has expired"),
        ({"exp": 0}, "has expired"),
        ({"nbf_in": LEEWAY_S + 5}, "not valid yet"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
        ({"scope": ["files:read"]}, "lacks a claim"),
        ({"header": {"typ": "logout+jwt"}}, "no access token by its type"),
        ({"header": {"typ": "dpop+jwt"}}, "no access token by its type"),
        ({"header": {"kid": "es"}}, "not published"),
        ({"header": {"kid": "nobody"}}, "not published"),
    ],
)
def test_signed_tokens_that_are_not_for_us(door: Door, issuer: Any, changes: dict[str, Any], reason: str) -> None:
    status, challenge = asyncio.run(door.refused(issuer.token(**changes)))
    assert status == 401
    assert 'error="invalid_token"' in challenge
    assert reason in challenge


def test_forged_tokens(door: Door, issuer: Any) -> None:
    good = issuer.token()
    head, body, signature = good.split(".")
    other_body = issuer.token(sub="eve").split(".")[1]
    forgeries = [
        issuer.unsigned(),
        issuer.unsigned("None"),
        issuer.unsigned("RS256"),
        issuer.confused(),
        issuer.confused(algorithm="RS256"),
        f"{head}.{other_body}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.{signature}=",
        issuer.token("es", header={"kid": "rs"}),
        issuer.token(header={"crit": ["exp"], "exp": 1}),
        f"{head}..{signature}",
    ]

    async def main() -> list[tuple[int, str]]:
        return [await door.refused(each) for each in forgeries]

    for forgery, (status, challenge) in zip(forgeries, asyncio.run(main()), strict=True):
        assert status == 401, forgery
        assert 'error="invalid_token"' in challenge


@pytest.mark.parametrize(
    "garbage",
    [b"", b"x", b"...", b"..", b"a.b.c", b"\xff\xfe", b"e30.e30.e30", b"bnVsbA.e30.", b"." * 20_000,
     b"A" * (LONGEST_TOKEN + 1), b"eyJhbGciOiJSUzI1NiIsImtpZCI6N30.e30.AA", b"W1tb.e30.AA", b"a b c"],
)  # fmt: skip
def test_garbage(door: Door, garbage: bytes) -> None:
    status, challenge = asyncio.run(door.refused(garbage))
    assert status == 401
    assert 'error="invalid_token"' in challenge
    assert door.published.fetches <= 1


def test_an_extension_that_must_be_understood_is_not(door: Door, issuer: Any) -> None:
    status, challenge = asyncio.run(door.refused(issuer.token(header={"crit": ["exp"], "exp": 1})))
    assert status == 401
    assert "demands an extension" in challenge


def test_a_deeply_nested_header_is_refused(door: Door) -> None:
    import base64

    nested = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 10_000).rstrip(b"=")
    assert asyncio.run(door.refused(nested + b".e30.AA"))[0] == 401


def test_without_a_token_the_challenge_says_where_to_get_one(door: Door) -> None:
    status, challenge = asyncio.run(door.refused(None))
    assert status == 401
    assert challenge == f'Bearer realm="mcp", scope="files:read", resource_metadata="{METADATA}"'


def test_tokens_in_addresses_are_refused(door: Door, issuer: Any) -> None:
    token = issuer.token()

    async def main() -> None:
        query = f"access_token={token}".encode()
        assert (await door.refused(None, query))[0] == 401
        status, challenge = await door.refused(token, query)
        assert status == 400
        assert 'error="invalid_request"' in challenge
        assert (await door.refused(f"{token}, Bearer {token}"))[0] == 400  # two fields

    asyncio.run(main())


def test_issuer_subject_and_client_make_the_principal(door: Door, issuer: Any) -> None:
    async def main() -> list[str]:
        variants: list[dict[str, Any]] = [
            {}, {"scope": "files:write"}, {"sub": "bob"}, {"client_id": "other"}, {"client_id": None},
            {"client_id": None, "azp": "editor"},
        ]  # fmt: skip
        return [(await door.enter(issuer.token(**changes))).key for changes in variants]

    keys = asyncio.run(main())
    assert keys[0] == keys[1] == keys[5]
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"scope": None}, set()),
        ({"scope": ""}, set()),
        ({"scope": "a  b"}, {"a", "b"}),
        ({"scope": None, "scp": "a b"}, {"a", "b"}),
        ({"scope": None, "scp": ["a", "b"]}, {"a", "b"}),
    ],
)
def test_scopes_as_issuers_write_them(door: Door, issuer: Any, changes: dict[str, Any], scopes: set[str]) -> None:
    assert asyncio.run(door.enter(issuer.token(**changes))).scopes == frozenset(scopes)


def test_a_known_token_is_not_verified_again_but_expires(
    door: Door, issuer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[bytes] = []
    real: Callable[..., Any] = verified_claims

    def counting(token: bytes, key: Any) -> Any:
        verified.append(token)
        return real(token, key)

    monkeypatch.setattr(resource_server, "verified_claims", counting)
    token = issuer.token()

    async def main() -> None:
        for _ in range(3):
            await door.enter(token)
        assert len(verified) == 1
        door.ahead_s = 300 + LEEWAY_S + 1
        assert "has expired" in (await door.refused(token))[1]

    asyncio.run(main())


def test_a_flood_of_tokens_is_forgotten_again(door: Door, issuer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_server, "MOST_REMEMBERED", 2)
    tokens = [issuer.token("ed", sub=name) for name in "abc"]

    async def main() -> None:
        for token in tokens * 2:
            await door.enter(token)

    asyncio.run(main())


def test_a_withdrawn_key_opens_nothing_any_more(door: Door, issuer: Any) -> None:
    token = issuer.token("es")

    async def main() -> None:
        await door.enter(token)
        del issuer.keys["es"]
        await door.enter(token)  # until the keys are fetched again
        door.ahead_s = 301
        await door.ask(token)
        await asyncio.sleep(0)
        assert "not published" in (await door.refused(token))[1]

    asyncio.run(main())


def test_a_new_key_is_fetched_once_and_unknown_ones_are_no_storm(door: Door, issuer: Any) -> None:
    async def main() -> None:
        await door.enter(issuer.token())
        assert door.published.fetches == 1
        issuer.keys["new"] = issuer.keys["es"]
        door.ahead_s = 11
        await asyncio.gather(*(door.enter(issuer.token("new", sub=str(number))) for number in range(5)))
        assert door.published.fetches == 2
        for number in range(20):
            assert (await door.refused(issuer.token(header={"kid": f"unknown-{number}"})))[0] == 401
        assert door.published.fetches == 2
        door.ahead_s = 22
        await asyncio.gather(*(door.refused(issuer.token(header={"kid": f"more-{number}"})) for number in range(20)))
        assert door.published.fetches == 3

    asyncio.run(main())


def test_without_keys_nobody_is_let_in(door: Door, issuer: Any) -> None:
    async def main() -> None:
        door.published.is_down = True
        found = await door.ask(issuer.token())
        assert isinstance(found, Answer)
        assert found.status == 503
        assert (b"retry-after", b"5") in found.headers
        assert (await door.refused(None))[0] == 401
        door.published.is_down = False
        assert (await door.refused(issuer.token()))[0] == 503  # the pause is not over
        door.ahead_s = 11
        await door.enter(issuer.token())
        assert door.published.fetches == 2

    asyncio.run(main())


def test_keys_outlive_an_issuer_that_is_down_for_a_while(door: Door, issuer: Any) -> None:
    async def main() -> None:
        await door.enter(issuer.token())
        door.published.is_down = True
        door.ahead_s = 3800
        long_lived = issuer.token(exp_in=10_000)
        await door.enter(long_lived)
        door.ahead_s = 3901
        assert (await door.refused(long_lived))[0] == 503
        door.published.is_down = False
        door.ahead_s = 3920
        await door.enter(long_lived)

    asyncio.run(main())
