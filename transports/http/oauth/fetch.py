"""One document from one address that the operator named: the only thing that this server ever asks of another.

No redirect is followed, nothing is sent but the address, and what comes is bounded. The caller bounds the time.
"""

import asyncio
import os
import socket
import ssl
import stat
from urllib.parse import urlsplit

import h11

from filewarden.config.version import VERSION
from filewarden.transports.http.sockets import bracketed

LARGEST_DOCUMENT = 262_144
CHUNK_BYTES = 65_536


class FetchError(Exception):
    """There is no document; the message says why."""


class WebDocument:
    """A document behind `http` or `https`. Made before the front-end is confined: authorities are read, names found.

    Raises:
        FetchError: there is no authority to trust.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._is_secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_secure else 80)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._netloc = bracketed(self._host) + (f":{parts.port}" if parts.port else "")
        self._trust = trusted_authorities() if self._is_secure else None
        self._address = _address_of(self._host, self._port)

    async def fetch(self) -> bytes:
        """The document as it is now.

        Raises:
            FetchError: it cannot be had.
        """
        try:
            reader, writer = await self._connect()
        except OSError as error:
            raise FetchError(f"no connection: {error}") from None
        try:
            return await self._converse(reader, writer)
        except OSError as error:
            raise FetchError(f"the connection broke: {error}") from None
        except h11.RemoteProtocolError as error:
            raise FetchError(f"the answer is no HTTP: {error}") from None
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect; where names cannot be looked up any more, to the address from the start: TLS tells who it is."""
        try:
            return await asyncio.open_connection(self._host, self._port, ssl=self._trust)
        except socket.gaierror:
            if not self._address:
                raise
            name = self._host if self._is_secure else None
            return await asyncio.open_connection(self._address, self._port, ssl=self._trust, server_hostname=name)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        http = h11.Connection(h11.CLIENT)
        headers = [
            ("Host", self._netloc),
            ("Accept", "application/jwk-set+json, application/json"),
            ("Accept-Encoding", "identity"),
            ("User-Agent", f"filewarden/{VERSION}"),
            ("Connection", "close"),
        ]
        request = h11.Request(method="GET", target=self._target, headers=headers)
        writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
        document = bytearray()
        while True:
            match http.next_event():
                case h11.NEED_DATA:
                    http.receive_data(await reader.read(CHUNK_BYTES))
                case h11.Response(status_code=status) if status != 200:
                    raise FetchError(f"the answer has status {status}")
                case h11.Data(data=data):
                    document += data
                    if len(document) > LARGEST_DOCUMENT:
                        raise FetchError(f"the answer has more than {LARGEST_DOCUMENT} bytes")
                case h11.EndOfMessage():
                    return bytes(document)
                case _:
                    pass


class FileDocument:
    """A document in a file, which may be replaced.

    Made with the rights that the server was started with: what it becomes may be unable to enter the folders above.

    Raises:
        FetchError: its folder cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        folder, self._name = os.path.split(os.path.abspath(path))
        try:
            self._folder_fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise FetchError(f"it cannot be read: {error.strerror}") from None

    async def fetch(self) -> bytes:
        """The document as it is now; a file system that hangs keeps nobody but those who wait for it.

        Raises:
            FetchError: it cannot be had.
        """
        return await asyncio.get_running_loop().run_in_executor(None, self.read)

    def read(self) -> bytes:
        """Like `fetch`, at once."""
        try:
            fd = self._open()
        except OSError as error:
            raise FetchError(f"it cannot be read: {error.strerror}") from None
        try:
            return self._content(fd)
        finally:
            os.close(fd)

    def _open(self) -> int:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return os.open(self._path, flags)
        except PermissionError:
            return os.open(self._name, flags, dir_fd=self._folder_fd)

    def _content(self, fd: int) -> bytes:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise FetchError("it is no regular file")
        if facts.st_mode & stat.S_IWOTH:
            raise FetchError("every user may change it: run chmod o-w")
        try:
            content = os.read(fd, LARGEST_DOCUMENT + 1)
        except OSError as error:
            raise FetchError(f"it cannot be read: {error.strerror}") from None
        if len(content) > LARGEST_DOCUMENT:
            raise FetchError(f"it has more than {LARGEST_DOCUMENT} bytes")
        return content


def _address_of(host: str, port: int) -> str:
    """Look a name up once, while whatever the resolver wants to load can be loaded; "" when it is not found."""
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return ""


def trusted_authorities() -> ssl.SSLContext:
    """Whom this system trusts, read as a whole: OpenSSL would look single ones up in a folder when they are needed.

    Raises:
        FetchError: nobody.
    """
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    if not context.cert_store_stats()["x509_ca"] and folder is not None:
        for name in sorted(os.listdir(folder)):
            try:
                context.load_verify_locations(os.path.join(folder, name))
            except (OSError, ssl.SSLError):
                continue
    if not context.cert_store_stats()["x509_ca"]:
        raise FetchError("this system trusts no authority: install ca-certificates, or set SSL_CERT_FILE")
    return context
