import contextlib
import ctypes
import json
import os
import queue
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

PRODUCT = ("-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
FAULTY = (str(Path(__file__).parent / "end_to_end" / "faulty" / "server.py"),)
ANSWER_TIMEOUT_S = 20.0
EXIT_TIMEOUT_S = 10.0
LISTENS = "Filewarden listens on http://"
CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

Json = dict[str, Any]


class ServerProcess:
    """A real server process, what it says on standard error, and what the operator sees of it.

    Clients of every transport in the tests are made on top of it.
    """

    def __init__(
        self, arguments: Sequence[str], environ: dict[str, str], program: tuple[str, ...], *, is_stdio: bool
    ) -> None:
        self.environ = environ
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        """What came on standard output; None is its end."""
        self.errors_seen: list[bytes] = []
        self.is_listening = threading.Event()
        """Set too when it will never listen."""
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve", *arguments],
            stdin=subprocess.PIPE if is_stdio else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
        )
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors_seen.append(line)
            if line.startswith(LISTENS.encode()):
                self.is_listening.set()
        self.is_listening.set()

    @property
    def errors(self) -> str:
        return b"".join(self.errors_seen).decode()

    @property
    def pid(self) -> int:
        return self.process.pid

    def announced(self, start: str) -> str:
        """The rest of the line on standard error that begins so."""
        return next(line.removeprefix(start).strip() for line in self.errors.splitlines() if line.startswith(start))

    @property
    def port(self) -> int:
        return int(self.announced(LISTENS).rpartition("/")[0].rpartition(":")[2])

    def control_status(self) -> Json:
        """The status as `filewarden status` gets it."""
        from filewarden.config.folders import runtime_folder
        from filewarden.transports.control import query

        path = os.path.join(runtime_folder(self.environ, os.geteuid()), f"{self.pid}.sock")
        document: Json = json.loads(query(path, ANSWER_TIMEOUT_S))
        return document

    def status(self) -> Json:
        """The status by whatever way a client of this transport asks for it."""
        return self.control_status()

    def wait_for_status(self, condition: Callable[[Json], bool], timeout_s: float = 10.0) -> Json:
        """The first status that fulfils `condition`."""
        give_up_at = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(OSError):
                status = self.status()
                if condition(status):
                    return status
            assert time.monotonic() < give_up_at, f"never seen: {self.errors}"
            threading.Event().wait(0.02)

    def wait_for_error(self, text: str) -> None:
        """Wait until it has said so on standard error, which a thread of its own reads."""
        give_up_at = time.monotonic() + ANSWER_TIMEOUT_S
        while text not in self.errors:
            assert time.monotonic() < give_up_at, self.errors
            threading.Event().wait(0.02)

    def kill(self) -> None:
        """End it, however it is, and keep what it said."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(EXIT_TIMEOUT_S)
        for reader in self._readers:
            reader.join(EXIT_TIMEOUT_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class StdioServer(ServerProcess):
    """A server on stdio and its client."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str], program: tuple[str, ...]) -> None:
        super().__init__(arguments, environ, program, is_stdio=True)
        self._answers: dict[Any, Json] = {}
        self._next_id = 0

    def send_line(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, params: Json | None = None) -> int:
        self._next_id += 1
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params or {}}
        self.send_line(json.dumps(message).encode())
        return self._next_id

    def notify(self, method: str, params: Json) -> None:
        self.send_line(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    def receive(self, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        line = self.lines.get(timeout=timeout_s)
        assert line is not None, f"the server ended: {self.errors}"
        message: Json = json.loads(line)
        return message

    def answer(self, request_id: int, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        give_up_at = time.monotonic() + timeout_s
        while request_id not in self._answers:
            message = self.receive(max(0.01, give_up_at - time.monotonic()))
            if "id" not in message:
                continue  # a notification
            assert message["id"] not in self._answers, "answered twice"
            self._answers[message["id"]] = message
        return self._answers.pop(request_id)

    def request(self, method: str, params: Json | None = None) -> Json:
        return self.answer(self.send(method, params))

    def initialize(self, revision: str = "2025-06-18") -> Json:
        result: Json = self.request("initialize", {**CLIENT, "protocolVersion": revision})["result"]
        self.notify("notifications/initialized", {})
        return result

    def start_call(self, tool: str, **arguments: Any) -> int:
        return self.send("tools/call", {"name": tool, "arguments": arguments})

    def call(self, tool: str, **arguments: Any) -> Json:
        result: Json = self.answer(self.start_call(tool, **arguments))["result"]
        return result

    def wait_until_ready(self) -> Json:
        return self.wait_for_status(
            lambda status: (
                status["pool"]["ready"] == status["pool"]["size"] and status["pool"]["spares"] == self.expected_spares
            )
        )

    expected_spares = 1

    def finish(self) -> int:
        """Close the input as a client does; the exit status."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.process.wait(EXIT_TIMEOUT_S)


@contextlib.contextmanager
def exchanged(*pairs: tuple[Path, Path]) -> Iterator[None]:
    """Exchange pairs of names as fast as possible in another process, until left (renameat2(2))."""
    rename_exchange, at_fdcwd, rounds_a_look = 2, -100, 200
    libc = ctypes.CDLL(None, use_errno=True)
    texts = [(os.fsencode(one), os.fsencode(two)) for one, two in pairs]
    for one, two in texts:
        if libc.renameat2(at_fdcwd, one, at_fdcwd, two, rename_exchange) != 0:
            pytest.skip("this file system cannot exchange names")
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        while os.getppid() == parent:
            for _ in range(rounds_a_look):
                for one, two in texts:
                    libc.renameat2(at_fdcwd, one, at_fdcwd, two, rename_exchange)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.fixture(scope="session")
def exchanging() -> Callable[..., contextlib.AbstractContextManager[None]]:
    """The attacker of every race: a context in which pairs of names are exchanged all the time."""
    if sys.platform != "linux":
        pytest.skip("renameat2 is Linux's")
    return exchanged


class Naive:
    """What this project does not do: look at a name, and use it a moment later. Every race needs one to fail."""

    @staticmethod
    def _lies_inside(root: Path, path: str) -> bool:
        return os.path.realpath(root / path).startswith(f"{os.path.realpath(root)}/")

    def read(self, root: Path, path: str) -> str:
        return (root / path).read_text() if self._lies_inside(root, path) else ""

    def list(self, root: Path, path: str) -> str:
        return " ".join(os.listdir(root / path)) if self._lies_inside(root, path) else ""

    def read_unless_named(self, root: Path, path: str, denied: str) -> str:
        return "" if os.path.basename(os.path.realpath(root / path)) == denied else (root / path).read_text()

    def kind(self, root: Path, path: str) -> str:
        """What is opened as the regular file that it was a moment before: at "a pipe" a reader would hang."""
        if not stat.S_ISREG(os.stat(root / path).st_mode):
            return ""
        fd = os.open(root / path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return "a pipe" if stat.S_ISFIFO(os.fstat(fd).st_mode) else "a file"
        finally:
            os.close(fd)

    def climb(self, root: Path, path: str, up: str) -> str:
        """Keep a folder open and list what lies above it, as a walk does that trusts `..`."""
        fd = os.open(root / path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            above = os.open(up, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            try:
                return " ".join(os.listdir(above))
            finally:
                os.close(above)
        finally:
            os.close(fd)


@pytest.fixture(scope="session")
def naive() -> Naive:
    """The negative controls of the races."""
    return Naive()


StartServer = Callable[..., StdioServer]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small root that everybody may read, below a folder that nobody else may enter."""
    root = tmp_path / "project"
    root.mkdir(mode=0o755)
    root.chmod(0o755)
    for path, text in {
        "README.md": "# My Project\n\nA cool project.\n",
        "notes.txt": "Some notes here.\n",
        ".hidden": "secret\n",
        "src/main.py": "print('hello')\n",
        "src/utils.py": "def add(a, b): return a + b\n",
        "data/sample.json": '{"key": "value"}\n',
    }.items():
        file = root / path
        file.parent.mkdir(exist_ok=True)
        file.parent.chmod(0o755)
        file.write_text(text)
        file.chmod(0o644)
    return root


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The bare environment that clients start servers with; state goes to a folder of the test's own."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return {"HOME": str(home), "PATH": os.defpath, "XDG_STATE_HOME": str(home / "state")}


@pytest.fixture
def start_server(tree: Path, environ: dict[str, str]) -> Iterator[StartServer]:
    """Start servers on stdio; each is gone after the test."""
    servers: list[StdioServer] = []

    def start(
        *arguments: str,
        faulty: bool = False,
        program: tuple[str, ...] = PRODUCT,
        roots: tuple[str, ...] | None = None,
        **variables: str,
    ) -> StdioServer:
        program = FAULTY if faulty else program
        served = (str(tree),) if roots is None else roots
        server = StdioServer([*served, *arguments], {**environ, **variables}, program)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def server(start_server: StartServer) -> StdioServer:
    """A server whose client is initialized."""
    server = start_server()
    server.initialize()
    return server
