"""An issuer of real tokens: its keys, the document that it publishes them in, and what it can be made to sign."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

RESOURCE = "https://files.example/mcp"
NAME = "https://issuer.example"

Json = dict[str, Any]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_key(algorithm: str, bits: int = 2048) -> PrivateKey:
    if algorithm.startswith("ES"):
        return ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def as_jwk(key: PrivateKey, **facts: str) -> Json:
    """The public half, as a JWK set has it."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        found = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        found = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        found = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {name: value for name, value in found.items() if name != "key_ops"} | facts


def armored(part: bytes | Json) -> bytes:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Issuer:
    """Signs what it is told to, and publishes its public keys, also over HTTP once it is asked for its address."""

    def __init__(self, resource: str = RESOURCE) -> None:
        self.resource = resource
        self.name = NAME
        self.keys: dict[str, tuple[str, PrivateKey]] = {}
        self.document: bytes | None = None
        """Published instead of the keys."""
        self.requests: list[str] = []
        """For keys."""
        self.grants: list[dict[str, str]] = []
        """What clients asked tokens for."""
        self.headers: dict[str, str] = {}
        self.status = 200
        self._server: http.server.ThreadingHTTPServer | None = None

    def add(self, key_id: str, algorithm: str) -> None:
        self.keys[key_id] = (algorithm, new_key(algorithm))

    def published(self) -> bytes:
        if self.document is not None:
            return self.document
        keys = [as_jwk(key, kid=key_id, use="sig", alg=name) for key_id, (name, key) in self.keys.items()]
        return json.dumps({"keys": keys}).encode()

    def claims(self, **changes: Any) -> Json:
        """What a good token says, with some of it changed, or left out where it is None; `_in` counts from now."""
        now = int(time.time())
        for name in [name for name in changes if name.endswith("_in")]:
            changes[name.removesuffix("_in")] = now + changes.pop(name)
        usual = {
            "iss": self.name,
            "sub": "ann",
            "aud": self.resource,
            "exp": now + 300,
            "iat": now,
            "client_id": "editor",
            "scope": "files:read",
        }
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def token(self, key_id: str = "rs", *, header: Json | None = None, **claims: Any) -> str:
        algorithm, key = self.keys[key_id]
        headers = {"kid": key_id, "typ": "at+jwt", **(header or {})}
        return jwt.encode(self.claims(**claims), key, algorithm, headers=headers)

    def unsigned(self, algorithm: str = "none", **claims: Any) -> str:
        parts = [armored({"alg": algorithm, "kid": "rs", "typ": "at+jwt"}), armored(self.claims(**claims)), b""]
        return b".".join(parts).decode()

    def confused(self, key_id: str = "rs", algorithm: str = "HS256") -> str:
        """Signed with the public key as if it were a shared secret."""
        public = self.keys[key_id][1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        head = b".".join([armored({"alg": algorithm, "kid": key_id, "typ": "at+jwt"}), armored(self.claims())])
        return b".".join([head, armored(hmac.digest(public, head, hashlib.sha256))]).decode()

    def metadata(self) -> bytes:
        """What clients ask an authorization server first (RFC 8414)."""
        return json.dumps(
            {
                "issuer": self.name,
                "authorization_endpoint": f"{self.name}/authorize",
                "token_endpoint": f"{self.name}/token",
                "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        ).encode()

    def grant(self, form: dict[str, str]) -> bytes:
        """Give a client what it asks for (RFC 6749, 4.4; RFC 8707)."""
        self.grants.append(form)
        scope = form.get("scope", "")
        token = self.token(aud=form["resource"], scope=scope, client_id=form["client_id"], sub=form["client_id"])
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}
        return json.dumps(answer).encode()

    @property
    def address(self) -> str:
        """Where the keys are; served from the first time on that somebody asks."""
        if self._server is None:
            issuer = self

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    if self.path == "/.well-known/oauth-authorization-server":
                        self._send(issuer.metadata())
                    else:
                        issuer.requests.append(self.path)
                        self._send(issuer.published())

                def do_POST(self) -> None:
                    text = self.rfile.read(int(self.headers["content-length"])).decode()
                    self._send(issuer.grant(dict(urllib.parse.parse_qsl(text))))

                def _send(self, body: bytes) -> None:
                    self.send_response(issuer.status)
                    self.send_header("Content-Type", "application/json")
                    for name, value in {"Content-Length": str(len(body)), **issuer.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_: object) -> None:
                    pass

            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/keys"

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture(scope="session")
def signing_keys() -> dict[str, tuple[str, PrivateKey]]:
    """One key of each kind: they take a while to make."""
    return {key_id: (name, new_key(name)) for key_id, name in (("rs", "RS256"), ("es", "ES256"), ("ed", "EdDSA"))}


@pytest.fixture
def issuer(signing_keys: dict[str, tuple[str, PrivateKey]]) -> Iterator[Issuer]:
    """An issuer with one key of each kind."""
    found = Issuer()
    found.keys = dict(signing_keys)
    yield found
    found.close()


@pytest.fixture(scope="module")
def fetched_issuer(signing_keys: dict[str, tuple[str, PrivateKey]]) -> Iterator[Issuer]:
    """An issuer for all tests of a module, whose name is where it publishes its keys."""
    found = Issuer()
    found.keys = dict(signing_keys)
    found.name = found.address.removesuffix("/keys")
    yield found
    found.close()


@pytest.fixture(scope="session")
def make_jwk() -> Callable[..., Json]:
    """Makes a public JWK with a new key for an algorithm."""

    def make(algorithm: str, bits: int = 2048, **facts: str) -> Json:
        return as_jwk(new_key(algorithm, bits), **facts)

    return make
