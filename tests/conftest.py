import contextlib
import ctypes
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import watchdog
from tests.drivers.process import FAULTY, PRODUCT
from tests.drivers.stdio import StdioServer


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(watchdog)
    catch_what_is_ignored()


def catch_what_is_ignored() -> None:
    """Let servers have the usual signals: they inherit what is ignored (by nohup, or in the background of a shell)."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


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
