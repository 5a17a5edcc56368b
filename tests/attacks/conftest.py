"""The ground of the attacks, servers on it that live as long as the session, and the invariants of every row."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.attacker import Attacker, code_of
from tests.attacks.event_stream import EventStreamAttacker
from tests.attacks.ground import Ground
from tests.attacks.invariants import assert_alive, assert_clean
from tests.attacks.pipe import PipeAttacker
from tests.attacks.web import WebAttacker
from tests.drivers.messages import Json
from tests.drivers.process import PRODUCT

TRANSPORTS = ("stdio", "http")
ATTACKERS: dict[str, Callable[..., Attacker]] = {"stdio": PipeAttacker, "http": WebAttacker, "sse": EventStreamAttacker}
AUDIT = {"FILEWARDEN_AUDIT_MAX_BYTES": "0"}
"""The log is read on from where the last row ended, so it stays one file."""


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
    servers: list[Attacker] = []
    homes: list[str] = []

    def start(
        kind: str,
        ground: Ground,
        *arguments: str,
        program: tuple[str, ...] = PRODUCT,
        opened: bool = True,
        **variables: str,
    ) -> Attacker:
        homes.append(tempfile.mkdtemp(prefix="fw-home-"))
        own = {"HOME": homes[-1], "XDG_STATE_HOME": f"{homes[-1]}/state", **AUDIT}
        environ = {"PATH": os.defpath, **own, "FILEWARDEN_AUDIT_FILE": f"{homes[-1]}/audit.jsonl", **variables}
        arguments = arguments or ("--config", str(ground.config))
        server = ATTACKERS[kind](arguments, environ, program)
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
    servers: dict[str, Attacker] = {}

    def find(kind: str) -> Attacker:
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
    watched: list[tuple[Attacker, Ground, dict[str, tuple[object, ...]], tuple[int, int], int]] = []

    def watch(server: Attacker, over: Ground = ground) -> Attacker:
        server.traffic.clear()
        watched.append((server, over, over.fingerprint(), server.census(), len(server.errors_seen)))
        return server

    yield watch
    for server, over, before, census, errors_at in watched:
        assert over.fingerprint() == before, "something beside the root has changed"
        assert_alive(server, census)
        assert_clean(server, over, b"".join(server.errors_seen[errors_at:]))
