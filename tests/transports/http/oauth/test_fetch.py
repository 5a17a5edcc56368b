"""Documents from real servers on loopback, and from files."""

import asyncio
import datetime
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from filewarden.broker.log import Log
from filewarden.transports.http.oauth import source
from filewarden.transports.http.oauth.fetch import LARGEST_DOCUMENT, FetchError, FileDocument, WebDocument
from filewarden.transports.http.oauth.keys import parse_keys
from filewarden.transports.http.oauth.source import Freshness, KeySource, KeysUnavailableError

Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answers every connection with the same bytes, then closes it, or keeps it open; the port."""
    listeners: list[socket.socket] = []
    held: list[socket.socket] = []

    def start(answer: bytes, *, keeps_open: bool = False, context: ssl.SSLContext | None = None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    connection = plain if context is None else context.wrap_socket(plain, server_side=True)
                    connection.recv(65_536)
                    connection.sendall(answer)
                except OSError:
                    plain.close()
                    continue
                if keeps_open:
                    held.append(connection)
                else:
                    connection.close()

        threading.Thread(target=run, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for each in listeners:
        each.shutdown(socket.SHUT_RDWR)
        each.close()
    for each in held:
        each.close()


def fetched(address: str) -> bytes:
    return asyncio.run(asyncio.wait_for(WebDocument(address).fetch(), 10))


def test_a_document_is_fetched_as_it_is_now(issuer: Any) -> None:
    assert fetched(issuer.address) == issuer.published()
    assert fetched(issuer.address + "?a=b") == issuer.published()
    assert issuer.requests == ["/keys", "/keys?a=b"]


@pytest.mark.parametrize("status", [204, 301, 302, 307, 404, 500])
def test_any_other_status_is_a_failure_and_no_redirect_is_followed(issuer: Any, status: int) -> None:
    address = issuer.address
    issuer.status, issuer.headers = status, {"Location": address}
    with pytest.raises(FetchError, match=f"status {status}"):
        fetched(address)
    assert len(issuer.requests) == 1


def test_the_size_is_bounded(issuer: Any) -> None:
    issuer.document = b" " * LARGEST_DOCUMENT
    assert len(fetched(issuer.address)) == LARGEST_DOCUMENT
    issuer.document += b" "
    with pytest.raises(FetchError, match="more than"):
        fetched(issuer.address)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        b"SSH-2.0-OpenSSH_9\r\n",
    ],
)
def test_what_is_no_whole_answer_is_refused(serve: Serve, answer: bytes) -> None:
    with pytest.raises(FetchError):
        fetched(f"http://127.0.0.1:{serve(answer)}/")


def test_nobody_listens_and_no_such_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FetchError, match="no connection"):
        fetched(f"http://127.0.0.1:{port}/")


def test_whoever_answers_slowly_is_given_up(serve: Serve, issuer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FETCH_S", 0.2)
    address = f"http://127.0.0.1:{serve(b'HTTP/1.1 200 OK', keeps_open=True)}/"
    lines: list[str] = []

    class Lines(Log):
        def warning(self, message: str, **facts: object) -> None:
            lines.append(f"{message}: {facts['reason']}")

    async def main() -> None:
        freshness = Freshness(renew_s=1, expire_s=1, pause_s=0)
        loop = asyncio.get_running_loop()
        parse = partial(parse_keys, algorithms=("RS256",))
        keys = KeySource(WebDocument(address), parse, freshness, loop.time, Lines(2))
        for _ in range(2):
            with pytest.raises(KeysUnavailableError):
                await keys.current()

    asyncio.run(asyncio.wait_for(main(), 10))
    assert lines == ["the issuer's keys cannot be read: it took longer than 0.2 seconds"]


def make_authority(folder: Path, name: str, host: str = "127.0.0.1") -> tuple[ssl.SSLContext, str]:
    """A certificate for `host` that vouches for itself: the server's context, and the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host) if host.isalpha() else x509.IPAddress(ipaddress.ip_address(host))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / f"{name}.pem", folder / f"{name}.key"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, str(trusted)


def test_only_a_trusted_server_is_asked_over_tls(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = make_authority(tmp_path, "ours")
    port = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", context=context)
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    assert fetched(f"https://127.0.0.1:{port}/keys") == b"{}"
    with pytest.raises(FetchError, match=r"no connection.*certificate"):
        fetched(f"https://localhost:{port}/keys")  # the certificate is for another name
    monkeypatch.setenv("SSL_CERT_FILE", make_authority(tmp_path, "other")[1])
    with pytest.raises(FetchError, match=r"no connection.*certificate"):
        fetched(f"https://127.0.0.1:{port}/keys")


@pytest.mark.integration
def test_a_confined_server_finds_its_issuer_by_name_over_tls(
    serve: Serve, issuer: Any, tmp_path: Path, start_http: Callable[..., Any], request_body: Callable[..., Any]
) -> None:
    context, trusted = make_authority(tmp_path, "ours", "localhost")
    keys = issuer.published()
    port = serve(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(keys), keys), context=context)
    server = start_http(
        FILEWARDEN_HTTP_ISSUER=issuer.name,
        FILEWARDEN_HTTP_JWKS_URL=f"https://localhost:{port}/keys",
        FILEWARDEN_HTTP_RESOURCE=issuer.resource,
        SSL_CERT_FILE=trusted,
    )
    reply = server.post(request_body("initialize", {}), authorization=f"Bearer {issuer.token()}")
    assert reply.status == 200, server.errors


def test_authorities_in_a_folder_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filewarden.transports.http.oauth.fetch import trusted_authorities

    folder = tmp_path / "authorities"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with pytest.raises(FetchError, match="trusts no authority"):
        trusted_authorities()
    make_authority(folder, "ours")
    assert trusted_authorities().cert_store_stats()["x509_ca"] == 1


def test_a_file_is_read_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(b"one")
    path.chmod(0o644)
    document = FileDocument(str(path))
    assert asyncio.run(document.fetch()) == b"one"
    path.write_bytes(b"two")
    assert asyncio.run(document.fetch()) == b"two"


def test_a_file_is_read_though_the_folders_above_may_not_be_entered_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "keys.json", os.open
    path.write_bytes(b"one")
    path.chmod(0o644)
    document = FileDocument(str(path))

    def refusing(name: str, flags: int, *, dir_fd: int | None = None) -> int:
        if dir_fd is None:
            raise PermissionError(name)
        return opened(name, flags, dir_fd=dir_fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refusing)
        content = document.read()
    assert content == b"one"


def test_files_that_are_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(FetchError, match="cannot be read"):
        FileDocument(str(path)).read()
    path.write_bytes(b" " * (LARGEST_DOCUMENT + 1))
    path.chmod(0o644)
    with pytest.raises(FetchError, match="more than"):
        FileDocument(str(path)).read()
    path.chmod(0o646)
    with pytest.raises(FetchError, match="every user may change it"):
        FileDocument(str(path)).read()
    with pytest.raises(FetchError, match="no regular file"):
        FileDocument(str(tmp_path)).read()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FetchError, match="no regular file"):
        FileDocument(str(tmp_path / "pipe")).read()
