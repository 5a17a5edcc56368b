"""The ground of the attacks, servers on it that live as long as the session, and the invariants of every row."""

import contextlib
import hashlib
import http.client
import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from filewarden.broker.audit_verification import Verifier
from tests.conftest import PRODUCT, ServerProcess

TRANSPORTS = ("stdio", "http")
TIMEOUT_S = 30.0
SMALL = "small text\n"
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "attacker", "version": "1"}}
WATCHER_PROCESSES = 3
EQUAL_LOOKS = 10
MOST_TRAFFIC = 4000
"""How much of the traffic is kept for the invariants: long races look at their own answers."""
ROUTES = ("/sse", "/mcp", "/message")
SIBLINGS = ("OUT", "R-evil", "R ", "R.", "r")
AUDIT = {"FILEWARDEN_AUDIT_MAX_BYTES": "0"}
"""The log is read on from where the last row ended, so it stays one file."""
_TOKEN = re.compile(r"(?<![\w.:~\\)-])/[\w.-]+(?:/[\w.-]+)*")

Json = dict[str, Any]


class Ground:
    """An allowed root `R`, and folders beside it that nobody may reach; each holds the canary."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.canary = secrets.token_hex(32)
        self.root = base / "R"
        self.outside = base / "OUT"
        self.hook = self.outside / "canary.txt"
        self.config = base / "config.toml"
        base.chmod(0o755)
        for name in ("R", *SIBLINGS):
            (base / name).mkdir()
            (base / name).chmod(0o755)
        for name in SIBLINGS:
            self.write(base / name / "canary.txt", self.canary)
        self.secret_name = f"name-{secrets.token_hex(8)}"
        """A name that only `OUT` has."""
        self.write(self.outside / self.secret_name, "")
        self.write(self.root / "small.txt", SMALL)
        self.write(self.root / ".env", f"KEY={self.canary}\n")
        (self.root / "secrets").mkdir(mode=0o755)
        self.write(self.root / "secrets" / "key.txt", self.canary)
        self.write(self.config, f'[[roots]]\npath = "{self.root}"\ndeny = [".env", "secrets/**"]\n')

    def write(self, path: Path, content: str | bytes) -> Path:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o644)
        return path

    def fingerprint(self) -> dict[str, tuple[object, ...]]:
        """Everything beside the root, down to hashes and times."""
        found: dict[str, tuple[object, ...]] = {}
        for sibling in SIBLINGS:
            for path in (self.base / sibling, *sorted((self.base / sibling).rglob("*"))):
                state = path.lstat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                found[str(path)] = (state.st_mode, state.st_uid, state.st_size, state.st_mtime_ns, content)
        return found


class Server(ServerProcess):
    """A server, an attacker who talks to it, and what went over its wire last."""

    kind = ""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], program: tuple[str, ...]) -> None:
        super().__init__(arguments, environ, program, is_stdio=self.kind == "stdio")
        self.traffic: deque[tuple[bytes, bytes]] = deque(maxlen=MOST_TRAFFIC)
        self.next_id = 1000
        self.audit = Path(environ["FILEWARDEN_AUDIT_FILE"])
        self._verifier = Verifier()
        self._verified_bytes = 0

    def new_audit_lines(self) -> list[bytes]:
        """What came to the audit log since the last look, once every call is in it that was answered; it is whole."""
        answered = self.status()["calls"]["total"]
        self.wait_for_status(lambda status: status["audit"]["lines_total"] > answered)  # the first line is no call's
        with self.audit.open("rb") as file:
            file.seek(self._verified_bytes)
            data = file.read()
        end = data.rfind(b"\n") + 1  # the server may be writing
        self._verified_bytes += end
        lines = data[:end].splitlines(keepends=True)
        assert self._verifier.read(lines).fault is None
        return lines

    def raw(self, frame: bytes, answers: int = 1) -> list[Json]:
        """Send a frame as it is; everything that comes back, and that it is not more than so many answers."""
        raise NotImplementedError

    def many(self, calls: list[tuple[str, Json]]) -> list[Json]:
        """Make calls at the same time; their messages in the order of the calls."""
        raise NotImplementedError

    def frame(self, method: str, params: object, request_id: object = None) -> bytes:
        if request_id is None:
            self.next_id += 1
            request_id = self.next_id
        return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()

    def request(self, method: str, params: object = None) -> Json:
        return self.raw(self.frame(method, params or {}))[0]

    def notify(self, method: str, params: Json) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode(), answers=0)

    def call(self, tool: str, /, **arguments: Any) -> Json:
        message = self.request("tools/call", {"name": tool, "arguments": arguments})
        assert "result" in message, message
        result: Json = message["result"]
        return result

    def code(self, tool: str, /, **arguments: Any) -> str:
        """`ok`, or how the call failed."""
        return code_of(self.call(tool, **arguments))

    def data(self, tool: str, /, **arguments: Any) -> Any:
        result = self.call(tool, **arguments)
        assert not result.get("isError"), result
        return json.loads(result["content"][0]["text"])

    def text(self, path: str, **arguments: Any) -> str:
        result = self.call("read_file", path=path, **arguments)
        assert not result.get("isError"), result
        text: str = result["content"][0]["text"]
        return text

    def aim(self, path: str) -> dict[str, str]:
        """How every tool that takes a path ends with this one."""
        found = {tool: self.code(tool, path=path) for tool in ("list_directory", "read_file", "get_file_info")}
        found["search_files"] = self.code("search_files", path=path, pattern="*")
        found["search_files **"] = self.code("search_files", path=path, pattern="**/*", respect_gitignore=False)
        found["search_text"] = self.code("search_text", path=path, pattern="no such text")
        found["directory_tree"] = self.code("directory_tree", path=path)
        found["read_multiple_files"] = self.code_of_several(path)
        media = self.code("read_media_file", path=path)
        # A file that can be read is mostly no picture, and that is as good as one.
        found["read_media_file"] = "ok" if found["read_file"] == "ok" and media == "unsupported" else media
        return found

    def code_of_several(self, path: str) -> str:
        """How `read_multiple_files` ends with this path; a call that is refused as a whole counts too."""
        result = self.call("read_multiple_files", paths=[path])
        if result.get("isError"):
            return code_of(result)
        (file,) = result["_meta"]["io.filewarden/read_multiple_files"]["files"]
        return str(file["error"]["code"]) if "error" in file else "ok"

    def settle(self) -> None:
        """Wait until all workers and spares are ready, and have been used."""
        self.wait_for_status(
            lambda status: status["pool"]["ready"] == status["pool"]["size"] and status["pool"]["spares"]
        )
        self.many([("read_file", {"path": "small.txt"})] * 8)

    def start_watcher(self) -> None:
        """Ask for what is watched from then on: its process, with the two that start it, is not left of any row."""
        processes = self.census()[0]
        self.request("resources/list")
        give_up_at = time.monotonic() + TIMEOUT_S
        seen: deque[tuple[int, int]] = deque(maxlen=EQUAL_LOOKS)
        while seen.count((processes + WATCHER_PROCESSES, self.census()[1])) < EQUAL_LOOKS:
            assert time.monotonic() < give_up_at, f"no watcher came up: {seen}"
            threading.Event().wait(0.03)
            seen.append(self.census())

    def census(self) -> tuple[int, int]:
        """How many processes there are, and how many descriptors the front-end has open (-1: not ours to see)."""
        front_end = psutil.Process(self.pid)
        try:
            descriptors = front_end.num_fds()
        except psutil.AccessDenied:
            descriptors = -1
        return len(front_end.children(recursive=True)), descriptors

    def memory_mb(self) -> float:
        size: int = psutil.Process(self.pid).memory_info().rss
        return size / 1024 / 1024


class StdioServer(Server):
    kind = "stdio"

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], program: tuple[str, ...]) -> None:
        super().__init__(arguments, environ, program)
        self.answered: Counter[str] = Counter()

    def open(self) -> None:
        self.raw(self.frame("initialize", HELLO))
        self.notify("notifications/initialized", {})

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def receive(self, timeout_s: float = TIMEOUT_S) -> Json | list[Json]:
        """The next answer; what the server tells on its own is looked at with the rest of the traffic."""
        line = self.lines.get(timeout=timeout_s)
        assert line, f"the server ended: {self.errors}"
        self.traffic.append((b"", line))
        message: Json | list[Json] = json.loads(line)
        if isinstance(message, dict) and "method" in message and "id" not in message:
            return self.receive(timeout_s)
        for each in message if isinstance(message, list) else [message]:
            self.answered[json.dumps(each.get("id"))] += 1
        return message

    def raw(self, frame: bytes, answers: int = 1) -> list[Json]:
        self.next_id += 1
        barrier = f"barrier-{self.next_id}"
        self.traffic.append((frame, b""))
        self.send(frame + b"\n")
        if answers:
            found = [self.receive() for _ in range(answers)]
            self.send(self.frame("ping", {}, barrier) + b"\n")
        else:
            found = []
            self.send(self.frame("ping", {}, barrier) + b"\n")
        while (message := self.receive()) and (isinstance(message, list) or message.get("id") != barrier):
            found.append(message)
        assert len(found) == answers, found
        return [message for each in found for message in (each if isinstance(each, list) else [each])]

    def many(self, calls: list[tuple[str, Json]]) -> list[Json]:
        ids = []
        for tool, arguments in calls:
            frame = self.frame("tools/call", {"name": tool, "arguments": arguments})
            ids.append(self.next_id)
            self.traffic.append((frame, b""))
            self.send(frame + b"\n")
        found: dict[int, Json] = {}
        while len(found) < len(ids):
            message = self.receive()
            assert isinstance(message, dict)
            assert message["id"] in ids
            assert message["id"] not in found
            found[message["id"]] = message
        return [found[each] for each in ids]


class HttpServer(Server):
    kind = "http"

    def open(self) -> None:
        assert self.is_listening.wait(TIMEOUT_S)
        assert self.process.poll() is None, self.errors
        self.token = (Path(self.environ["XDG_STATE_HOME"]) / "filewarden" / "token").read_text().strip()
        self.session = ""
        status, headers, _ = self.exchange(self.frame("initialize", HELLO))
        assert status == 200
        self.session = headers["Mcp-Session-Id"]
        self.last_status = 200

    def fields(self, **fields: str) -> dict[str, str]:
        """The usual fields, changed by `fields` with `_` for `-`; an empty one is left out."""
        usual = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "authorization": f"Bearer {self.token}",
            "mcp-session-id": self.session,
        }
        named = {name.replace("_", "-").lower(): value for name, value in fields.items()}
        return {name: value for name, value in {**usual, **named}.items() if value}

    def exchange(
        self, body: bytes | None, method: str = "POST", path: str = "/mcp", **fields: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, self.fields(**fields))
            response = connection.getresponse()
            found = response.read()
            if method == "POST" and response.headers["Content-Type"] == "text/event-stream":
                found = self._answer_in(found)
            self.traffic.append((body or path.encode(), found))
            return response.status, response.headers, found

    def _answer_in(self, events: bytes) -> bytes:
        """The answer of a stream; what the server tells before it is looked at with the rest of the traffic."""
        messages = [line.removeprefix(b"data: ") for line in events.split(b"\n") if line.startswith(b"data: ")]
        told = [message for message in messages if message and "id" not in json.loads(message)]
        self.traffic.extend((b"", message) for message in told)
        (answer,) = (message for message in messages if message and message not in told)
        return answer

    def send_bytes(self, data: bytes, timeout_s: float = 5.0) -> bytes:
        """Send bytes as they are; what comes back until the server closes, or falls silent."""
        import socket

        parts = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout_s) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            with contextlib.suppress(TimeoutError, ConnectionError):
                while chunk := connection.recv(65_536):
                    parts += chunk
        body = parts.rpartition(b"\r\n\r\n")[2]
        self.traffic.append((data, body if body.startswith((b"{", b"[")) else b""))
        assert b"Traceback" not in parts
        return parts

    @contextlib.contextmanager
    def stream(self) -> "Iterator[tuple[str, http.client.HTTPResponse]]":
        """An event stream, and where its messages are to be sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request("GET", "/sse", headers=self.fields(accept="text/event-stream"))
            response = connection.getresponse()
            assert response.status == 200
            while not (line := response.readline()).startswith(b"data:"):
                assert line
            with contextlib.closing(response):
                yield line.partition(b":")[2].strip().decode(), response

    def raw(self, frame: bytes, answers: int = 1) -> list[Json]:
        self.last_status, _, body = self.exchange(frame)
        found = json.loads(body) if body else []
        messages = found if isinstance(found, list) else [found]
        assert len(messages) >= answers, messages
        return messages

    def many(self, calls: list[tuple[str, Json]]) -> list[Json]:
        frames = [self.frame("tools/call", {"name": tool, "arguments": arguments}) for tool, arguments in calls]
        with ThreadPoolExecutor(min(len(frames), 48)) as pool:
            return [messages[0] for messages in pool.map(self.raw, frames)]


def code_of(result: Json) -> str:
    """`ok`, or how a call failed: by its structured error, or by the number of the protocol's."""
    if "error" in result:
        return str(result["error"]["code"])
    result = result.get("result", result)
    return str(result["structuredContent"]["error"]["code"]) if result.get("isError") else "ok"


@pytest.fixture(scope="session")
def code() -> Callable[[Json], str]:
    return code_of


@pytest.fixture(scope="session")
def grounds() -> Iterator[Callable[[], Ground]]:
    """Make grounds that any local user may enter, so that nothing but the server stands before the canary."""
    bases: list[str] = []

    def make() -> Ground:
        bases.append(tempfile.mkdtemp(prefix="fw-attack-"))
        return Ground(Path(bases[-1]))

    yield make
    for base in bases:
        subprocess.run(["rm", "-rf", base], check=False)  # also what is too deep for Python


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Any]]:
    """Start servers on a ground, on either transport; keywords are variables of their environment."""
    servers: list[Server] = []
    homes: list[str] = []

    def start(
        kind: str,
        ground: Ground,
        *arguments: str,
        program: tuple[str, ...] = PRODUCT,
        opened: bool = True,
        **variables: str,
    ) -> Server:
        homes.append(tempfile.mkdtemp(prefix="fw-home-"))
        own = {"HOME": homes[-1], "XDG_STATE_HOME": f"{homes[-1]}/state", **AUDIT}
        environ = {"PATH": os.defpath, **own, "FILEWARDEN_AUDIT_FILE": f"{homes[-1]}/audit.jsonl", **variables}
        arguments = arguments or ("--config", str(ground.config))
        if kind == "http":
            arguments = (*arguments, "--http", "--port", "0")
        server = (StdioServer if kind == "stdio" else HttpServer)(arguments, environ, program)
        servers.append(server)
        if opened:
            server.open()
            server.settle()
        return server

    yield start
    for server in servers:
        server.kill()
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def ground(grounds: Callable[[], Ground]) -> Ground:
    return grounds()


@pytest.fixture(scope="session")
def long_lived(launch: Callable[..., Any], ground: Ground) -> Callable[[str], Any]:
    """The server of each transport that all rows share which do not ask for another."""
    servers: dict[str, Server] = {}

    def find(kind: str) -> Server:
        if kind not in servers or servers[kind].process.poll() is not None:
            servers[kind] = launch(kind, ground)
            servers[kind].start_watcher()
        return servers[kind]

    return find


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def client(transport: str, long_lived: Callable[[str], Any], guard: Callable[..., Any]) -> Any:
    """A client of the long-lived server, on each transport in turn; the invariants are checked after the row."""
    return guard(long_lived(transport))


@pytest.fixture
def web(long_lived: Callable[[str], Any], guard: Callable[..., Any]) -> Any:
    """As `client`, over HTTP alone."""
    return guard(long_lived("http"))


@pytest.fixture
def pipe(long_lived: Callable[[str], Any], guard: Callable[..., Any]) -> Any:
    """As `client`, on stdio alone."""
    return guard(long_lived("stdio"))


@pytest.fixture
def folder(ground: Ground) -> Iterator[Path]:
    """A fresh folder in the root for one row; clients call it by its name."""
    made = ground.root / f"t{secrets.token_hex(4)}"
    made.mkdir()
    made.chmod(0o755)
    yield made
    subprocess.run(["chmod", "-R", "u+rwx", str(made)], check=False)
    subprocess.run(["rm", "-rf", str(made)], check=True)


@pytest.fixture
def guard(ground: Ground) -> Iterator[Callable[..., Any]]:
    """Watch servers during a row; afterwards every invariant of the catalogue must hold."""
    watched: list[tuple[Server, Ground, dict[str, tuple[object, ...]], tuple[int, int], int]] = []

    def watch(server: Server, over: Ground = ground) -> Server:
        server.traffic.clear()
        watched.append((server, over, over.fingerprint(), server.census(), len(server.errors_seen)))
        return server

    yield watch
    for server, over, before, census, errors_at in watched:
        assert over.fingerprint() == before, "something beside the root has changed"
        assert_alive(server, census)
        assert_clean(server, over, b"".join(server.errors_seen[errors_at:]))


def assert_alive(server: Server, census: tuple[int, int]) -> None:
    """A small read within a second, and no process or descriptor that was not there before."""
    begun = time.monotonic()
    assert server.text("small.txt") == SMALL
    assert time.monotonic() - begun < 1.0
    give_up_at = time.monotonic() + 5
    while (now := server.census())[0] != census[0] or now[1] > census[1]:
        assert time.monotonic() < give_up_at, f"processes and descriptors: {census} before, {now} after"
        threading.Event().wait(0.02)


def assert_clean(server: Server, ground: Ground, errors: bytes) -> None:
    """Nothing of what went out tells what it must not, and all of it is in good order."""
    canary = ground.canary.encode()
    assert canary not in errors
    assert canary not in json.dumps(server.status()).encode()
    for line in server.new_audit_lines():
        assert canary not in line
        assert not any(unicodedata.category(each).startswith("C") for each in line[:-1].decode()), line
    for word in (b"Traceback", str(ground.outside).encode()):
        assert word not in errors, errors
    asked = b"".join(request for request, _ in server.traffic).decode("utf-8", "replace")
    asked += "".join(strings_of(asked))
    inside = str(ground.root)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for _, answer in server.traffic:
        assert canary not in answer
        body = answer.removesuffix(b"\n")
        assert not any(byte < 0x20 for byte in body), body[:500]
        if not body:
            continue
        message = json.loads(body)
        for each in message if isinstance(message, list) else [message]:
            assert each.get("jsonrpc") == "2.0" or "status" in each or "error" in each, each
            sentence = sentence_of(each)
            assert "Traceback" not in sentence
            assert user == "root" or user not in sentence
            for path in _TOKEN.findall(sentence):
                assert path in asked or path.startswith(inside) or path in ROUTES, sentence
    if isinstance(server, StdioServer):
        twice = [each for each, count in server.answered.items() if count > 1 and each != "null"]
        server.answered.clear()
        assert not twice, "answered twice"


def sentence_of(message: Json) -> str:
    """What an error says."""
    if "error" in message:
        return json.dumps(message["error"], ensure_ascii=False)
    result = message.get("result") or {}
    return result["content"][0]["text"] if isinstance(result, dict) and result.get("isError") else ""


def strings_of(text: str) -> Iterator[str]:
    """The strings of JSON texts, decoded, so that an echo of one can be told from news."""
    for found in re.findall(r'"(?:[^"\\]|\\.){1,5000}"', text):
        with contextlib.suppress(ValueError):
            yield json.loads(found)
