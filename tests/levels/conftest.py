"""Machines that lack something, and servers started on them as root and as an ordinary user."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

OUTER = str(Path(__file__).with_name("outer.py"))
PRODUCT = ("-c", "from filewarden.transports.cli import main; raise SystemExit(main())")
NOBODY = 65534
ANY_USER_CAN_START = [
    sys.executable,
    OUTER,
    json.dumps({"uid": NOBODY}),
    "-I",
    "-c",
    "import filewarden.workers.zygote",
]

NEW_USER_NAMESPACE = 0x10000000
ALL_THREADS = 1


def without(*calls: str, code: int = errno.ENOSYS) -> dict[str, Any]:
    return {"rules": [{"call": call, "errno": code} for call in calls]}


MACHINES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "container without user namespaces": without("unshare", code=errno.EPERM),
    "mounts denied": without("mount", code=errno.EACCES),
    "mounts denied half-way": without("move_mount", code=errno.EACCES),
    "mounts denied at the end": without("umount2", code=errno.EPERM),
    "no user namespace for root": {
        "rules": [{"call": "unshare", "errno": errno.ENOSPC, "argument": 0, "bit": NEW_USER_NAMESPACE}]
    },
    "kernel without mount_setattr": without("mount_setattr"),
    "kernel without landlock": without("landlock_create_ruleset"),
    "landlock not switched on": without("landlock_create_ruleset", code=errno.EOPNOTSUPP),
    "old landlock": {"landlock_abi": 2},
    "kernel without openat2": without("openat2"),
    "neither landlock nor namespaces": without("landlock_create_ruleset", "unshare", code=errno.EPERM),
    "old landlock, no namespaces": {"landlock_abi": 1, **without("unshare", code=errno.EPERM)},
    "no filter on all threads": {
        "rules": [{"call": "seccomp", "errno": errno.EINVAL, "argument": 1, "bit": ALL_THREADS}]
    },
    "nothing at all": {
        "rules": [
            *without("landlock_create_ruleset", "unshare", code=errno.EPERM)["rules"],
            {"call": "seccomp", "errno": errno.EINVAL, "argument": 1, "bit": ALL_THREADS},
        ]
    },
    "no handles on processes": without("pidfd_open"),
    "mounts denied with no way back": without("umount2", "setns", code=errno.EPERM),
}


@pytest.fixture(scope="session")
def whole() -> None:
    """This machine reaches every level by itself; where REQUIRE_SANDBOX_LEVEL is "full", less is a failure."""
    done = subprocess.run([sys.executable, *PRODUCT, "doctor", "--json"], capture_output=True, timeout=30, check=False)
    answer = json.loads(done.stdout)
    if answer["level"] == "full":
        return
    reason = f"this machine reaches only the level {answer['level']}: {answer['refusal'] or answer['degraded']}"
    if os.environ.get("REQUIRE_SANDBOX_LEVEL") == "full":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(params=["root", "unprivileged"])
def uid(request: pytest.FixtureRequest) -> int | None:
    """Who starts the server: as we are, or, when we are root, an ordinary user too."""
    if os.geteuid() != 0:
        if request.param == "root":
            pytest.skip("only root can start as root")
        return None
    if request.param == "root":
        return None
    if subprocess.run(ANY_USER_CAN_START, check=False, capture_output=True, timeout=30).returncode != 0:
        pytest.skip("another user cannot start this Python: use one outside private folders (FILEWARDEN_PYTHON)")
    return NOBODY


@pytest.fixture
def tree(tmp_path: Path, uid: int | None) -> Iterator[Path]:
    """A root: below a private folder, unless the one who starts the server could not reach it there."""
    place = tmp_path if uid is None else Path(tempfile.mkdtemp(prefix="fw-levels-"))
    place.chmod(0o700 if uid is None else 0o755)
    root = place / "project"
    root.mkdir()
    root.chmod(0o755)
    (root / "notes.txt").write_text("Some notes here.\n")
    (root / "notes.txt").chmod(0o644)
    yield root
    if uid is not None:
        shutil.rmtree(place)


@pytest.fixture
def environ(tree: Path, uid: int | None) -> dict[str, str]:
    """A bare environment whose home belongs to the one who starts the server."""
    home = tree.parent / "home"
    home.mkdir(mode=0o700)
    if uid is not None:
        os.chown(home, uid, uid)
    return {"HOME": str(home), "PATH": os.defpath, "XDG_STATE_HOME": str(home / "state")}


@pytest.fixture
def machine(uid: int | None) -> Callable[[str], tuple[str, ...]]:
    """The program that starts the product on a machine of the list."""

    def choose(name: str, *, program: tuple[str, ...] = PRODUCT, closed: str | None = None) -> tuple[str, ...]:
        return (OUTER, json.dumps({**MACHINES[name], "uid": uid, "closed": closed}), *program)

    return choose


@pytest.fixture
def status_of(environ: dict[str, str], uid: int | None) -> Callable[[int], dict[str, Any]]:
    """The status of a server once every worker is ready, asked for as the one who started it."""

    def ask(pid: int) -> dict[str, Any]:
        from filewarden.config.folders import runtime_folder
        from filewarden.transports.local_socket import query

        folder = runtime_folder(environ, os.geteuid() if uid is None else uid)
        give_up_at = time.monotonic() + 20
        while True:
            document: dict[str, Any] = json.loads(query(os.path.join(folder, f"{pid}.sock"), 10))
            if document["ready"]:
                return document
            assert time.monotonic() < give_up_at, document["problems"]
            threading.Event().wait(0.02)

    return ask
