"""The settings of an OAuth resource server, alone and together."""

from collections.abc import Callable

import pytest

from filewarden.config.authorization import ALGORITHMS
from filewarden.config.load import Loaded

Load = Callable[..., Loaded]
Refuse = Callable[..., str]
KEYS = {"FILEWARDEN_HTTP_JWKS_FILE": "/srv/keys.json"}


@pytest.mark.parametrize(
    "issuer",
    ["https://issuer.example", "https://issuer.example/realms/a/", "http://127.0.0.1:9000", "http://[::1]:9000/x"],
)
def test_issuers(issuer: str, loaded: Load) -> None:
    assert loaded(FILEWARDEN_HTTP_ISSUER=issuer, **KEYS).settings.http.issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "issuer.example",
        "http://issuer.example",
        "http://127.0.0.1.example",
        "https://user@issuer.example",
        "http://127.0.0.1@issuer.example",
        "https://issuer.example?x=1",
        "https://issuer.example#x",
        "https://issuer.example/a b",
        "https://issuér.example",
        "https://",
        "https://[::1",
        "https://issuer.example:port",
        "ftp://issuer.example",
        'https://issuer.example/"',
    ],
)
def test_other_issuers_are_refused(issuer: str, refused: Refuse) -> None:
    assert "http.issuer = " in refused(FILEWARDEN_HTTP_ISSUER=issuer, **KEYS)


def test_an_issuer_goes_with_one_source_of_keys_and_with_auth(loaded: Load, refused: Refuse) -> None:
    issuer = {"FILEWARDEN_HTTP_ISSUER": "https://issuer.example"}
    url = {"FILEWARDEN_HTTP_JWKS_URL": "https://issuer.example/keys?v=1"}
    assert loaded(**issuer, **url).settings.http.jwks_url.endswith("keys?v=1")
    assert "needs http.jwks_file or http.jwks_url" in refused(**issuer)
    assert "needs http.jwks_file or http.jwks_url" in refused(**issuer, **url, **KEYS)
    assert 'no effect with http.auth = "none"' in refused("--auth", "none", **issuer, **KEYS)


def test_a_source_that_is_wrong_itself_is_one_problem(refused: Refuse) -> None:
    text = refused(FILEWARDEN_HTTP_ISSUER="https://issuer.example", FILEWARDEN_HTTP_JWKS_URL="x" * 3000)
    assert text.startswith("config error: 1 problem\n  http.jwks_url = ")


@pytest.mark.parametrize("address", ["http://issuer.example/keys", "file:///keys", "https://user@issuer.example/keys"])
def test_keys_are_fetched_safely_or_not_at_all(address: str, refused: Refuse) -> None:
    assert "http.jwks_url = " in refused(FILEWARDEN_HTTP_JWKS_URL=address)


@pytest.mark.parametrize("resource", ["https://files.example/mcp", "http://10.0.0.1:8765/mcp", "https://files.example"])
def test_resources(resource: str, loaded: Load) -> None:
    assert loaded(FILEWARDEN_HTTP_RESOURCE=resource).settings.http.resource == resource


@pytest.mark.parametrize(
    "resource",
    ["files.example/mcp", "https://files.example/mcp/", "https://files.example/mcp#x", "https://Files.example/mcp",
     "HTTPS://files.example/mcp", "https://files.example/mcp?x", 'https://files.example/"'],
)  # fmt: skip
def test_other_resources_are_refused(resource: str, refused: Refuse) -> None:
    assert "http.resource = " in refused(FILEWARDEN_HTTP_RESOURCE=resource)


def test_behind_a_wildcard_address_the_resource_must_be_named(loaded: Load, refused: Refuse) -> None:
    given = {"FILEWARDEN_HTTP_ISSUER": "https://issuer.example", **KEYS}
    assert "http.resource" in refused("--host", "0.0.0.0", **given)
    loaded("--host", "0.0.0.0", FILEWARDEN_HTTP_RESOURCE="https://files.example/mcp", **given)


def test_only_signatures_with_a_public_half_are_taken(loaded: Load, refused: Refuse) -> None:
    every = ",".join(ALGORITHMS)
    assert loaded(FILEWARDEN_HTTP_ALGORITHMS=every).settings.http.algorithms == ALGORITHMS
    for name in ("none", "None", "HS256", "rs256", "ES256K", "dir"):
        assert "http.algorithms = " in refused(FILEWARDEN_HTTP_ALGORITHMS=f"RS256,{name}")
    for keys in ("", ","):
        assert "(FILEWARDEN_HTTP_ALGORITHMS): must not be empty" in refused(FILEWARDEN_HTTP_ALGORITHMS=keys)


def test_scopes_are_scope_tokens(loaded: Load, refused: Refuse) -> None:
    assert loaded(FILEWARDEN_HTTP_REQUIRED_SCOPES="").settings.http.required_scopes == ()
    for scope in ('a"b', "a\\b", "a b", "é", "a\x7f"):
        assert "http.required_scopes = " in refused(FILEWARDEN_HTTP_REQUIRED_SCOPES=scope)


def test_every_problem_is_told_at_once(refused: Refuse) -> None:
    text = refused(
        FILEWARDEN_HTTP_ISSUER="x",
        FILEWARDEN_HTTP_JWKS_URL="y",
        FILEWARDEN_HTTP_RESOURCE="z",
        FILEWARDEN_HTTP_ALGORITHMS="none",
        FILEWARDEN_HTTP_REQUIRED_SCOPES='"',
    )
    assert text.startswith("config error: 5 problems")
