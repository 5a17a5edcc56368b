import json
from collections.abc import Callable
from typing import Any

import pytest

from filewarden.transports.http.oauth.keys import MOST_KEYS, BadKeysError, parse_keys

MakeJwk = Callable[..., dict[str, Any]]
ALL = ("RS256", "PS256", "ES256", "EdDSA")


def document(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_a_key_is_found_by_its_id_for_what_it_can_sign(make_jwk: MakeJwk) -> None:
    keys = parse_keys(document(make_jwk("RS256", kid="r"), make_jwk("ES256", kid="e"), make_jwk("EdDSA", kid="d")), ALL)
    found = {(key_id, name) for key_id in "red" for name in (*ALL, "RS512", "HS256", "none") if keys.find(key_id, name)}
    assert found == {("r", "RS256"), ("r", "PS256"), ("e", "ES256"), ("d", "EdDSA")}
    assert keys.find("x", "RS256") is None


def test_a_key_that_names_its_algorithm_is_for_that_alone(make_jwk: MakeJwk) -> None:
    keys = parse_keys(document(make_jwk("RS256", kid="r", alg="PS256")), ALL)
    assert keys.find("r", "PS256") is not None
    assert keys.find("r", "RS256") is None


def test_without_an_id_there_must_be_no_choice(make_jwk: MakeJwk) -> None:
    one, other, third = make_jwk("RS256"), make_jwk("ES256"), make_jwk("ES256", kid="e")
    assert parse_keys(document(one, other), ALL).find("", "ES256") is not None
    assert parse_keys(document(one, other, third), ALL).find("", "ES256") is None


def test_of_two_keys_with_one_id_the_first_counts(make_jwk: MakeJwk) -> None:
    first = make_jwk("ES256", kid="e")
    both, alone = (
        parse_keys(document(*keys), ALL).find("e", "ES256") for keys in ((first, make_jwk("ES256", kid="e")), (first,))
    )
    assert both is not None
    assert alone is not None
    assert both.key.public_numbers() == alone.key.public_numbers()


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "kid": "k", "alg": "HS256"},
        {"kty": "oct", "k": "AA", "kid": "k", "alg": "RS256"},
        {"kty": "RSA", "kid": "k"},
        {"kty": "RSA", "kid": "k", "n": "!!!", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "kid": "k", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "kid": "k", "x": "AA"},
        {"kty": 1},
        {"kty": "RSA", "kid": 7, "n": "AQAB", "e": "AQAB"},
        {},
        [],
        "key",
        None,
    ],
)
def test_keys_that_cannot_be_used_are_left_out(key: object, make_jwk: MakeJwk) -> None:
    with pytest.raises(BadKeysError, match="no public key"):
        parse_keys(document(key), (*ALL, "RS384"))
    assert parse_keys(document(key, make_jwk("ES256", kid="e")), ALL).find("e", "ES256") is not None


def test_keys_for_something_else_and_weak_ones_are_left_out(make_jwk: MakeJwk) -> None:
    for key in (
        make_jwk("RS256", kid="k", use="enc"),
        make_jwk("RS256", kid="k") | {"key_ops": ["encrypt"]},
        make_jwk("RS256", 1024, kid="k"),
        make_jwk("ES384", kid="k"),
    ):
        with pytest.raises(BadKeysError):
            parse_keys(document(key), ALL)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": 1}',
        b'{"keys": []}',
        b"\xff",
        b'{"keys": [{"kty": "RSA"}',
        b'{"keys":' + b"[" * 5000,
    ],
)
def test_what_is_no_set_is_refused(text: bytes) -> None:
    with pytest.raises(BadKeysError):
        parse_keys(text, ALL)


def test_a_set_is_bounded(make_jwk: MakeJwk) -> None:
    key = make_jwk("EdDSA")
    parse_keys(document(*[key] * MOST_KEYS), ALL)
    with pytest.raises(BadKeysError, match="more than"):
        parse_keys(document(*[key] * (MOST_KEYS + 1)), ALL)


def test_private_halves_are_not_kept(signing_keys: Any) -> None:
    from jwt.algorithms import ECAlgorithm

    private = ECAlgorithm.to_jwk(signing_keys["es"][1], as_dict=True)
    assert "d" in private
    found = parse_keys(document({**private, "kid": "e", "key_ops": ["sign", "verify"]}), ALL).find("e", "ES256")
    assert found is not None
    assert not hasattr(found.key, "private_numbers")
