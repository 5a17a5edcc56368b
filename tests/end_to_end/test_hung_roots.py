"""A mount whose server is gone: killed workers stay in the kernel, and other roots do not pay for it."""

import contextlib
import ctypes
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration

LOOKUP, GETATTR, OPEN, READ, RELEASE, INIT, OPENDIR, READDIR, RELEASEDIR = 1, 3, 14, 15, 18, 26, 27, 28, 29
ROOT_NODE, HANGING_NODE, GOOD_NODE = 1, 2, 3
NAMES = {b"hanging.txt": HANGING_NODE, b"good.txt": GOOD_NODE}
TEXT = b"all is well\n"
MS_NOSUID_NODEV, MNT_DETACH = 6, 2
ENOSYS, ENOENT = 38, 2


class HangingMount:
    """A file system in user space (linux/fuse.h, protocol 7.19) that takes requests for one file and never answers.

    The kernel lets nobody leave such a request, not even by SIGKILL: as with NFS whose server is gone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.fsencode(folder)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        self._held: list[int] = []
        self._is_hanging = True
        options = b"fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other" % self._device
        if self._libc.mount(b"hanging", self._folder, b"fuse", MS_NOSUID_NODEV, options):
            os.close(self._device)
            raise OSError(ctypes.get_errno(), "mount")
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def recover(self) -> None:
        """Answer what was held back, and everything from now on."""
        self._is_hanging = False
        for unique in self._held:
            self._reply(unique, b"", error=5)

    def close(self) -> None:
        self._libc.umount2(self._folder, MNT_DETACH)
        os.write(self._stop_write, b"x")
        self._thread.join(5)
        for fd in (self._device, self._stop_read, self._stop_write):
            os.close(fd)  # what still waits is ended by that

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._device, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            with contextlib.suppress(OSError):
                self._answer(os.read(self._device, 1 << 20))

    def _answer(self, request: bytes) -> None:
        _size, opcode, unique, node = struct.unpack_from("=IIQQ", request)
        body = request[40:]
        if node == HANGING_NODE and opcode == OPEN and self._is_hanging:
            self._held.append(unique)
        elif opcode == INIT:
            self._reply(unique, struct.pack("=IIIIHHI", 7, 19, 65536, 0, 0, 0, 65536))
        elif opcode == LOOKUP:
            found = NAMES.get(body.rstrip(b"\0"))
            if found is None:
                self._reply(unique, b"", error=ENOENT)
            else:
                self._reply(unique, struct.pack("=QQQQII", found, 0, 0, 0, 0, 0) + self._attributes(found))
        elif opcode == GETATTR:
            self._reply(unique, struct.pack("=QII", 0, 0, 0) + self._attributes(node))
        elif opcode in (OPEN, OPENDIR):
            self._reply(unique, struct.pack("=QII", 0, 0, 0))
        elif opcode == READ:
            self._reply(unique, TEXT if struct.unpack_from("=QQ", body)[1] == 0 else b"")
        elif opcode in (READDIR, RELEASE, RELEASEDIR):
            self._reply(unique, b"")
        elif opcode not in (2, 36, 42):  # FORGET, INTERRUPT, BATCH_FORGET have no reply
            self._reply(unique, b"", error=ENOSYS)

    def _attributes(self, node: int) -> bytes:
        mode, size = (0o40755, 0) if node == ROOT_NODE else (0o100644, len(TEXT))
        return struct.pack("=6Q10I", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _reply(self, unique: int, payload: bytes, *, error: int = 0) -> None:
        with contextlib.suppress(OSError):
            os.write(self._device, struct.pack("=IiQ", 16 + len(payload), -error, unique) + payload)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[HangingMount]:
    folder = tmp_path / "remote"
    folder.mkdir()
    try:
        mounted = HangingMount(folder)
    except OSError as error:
        pytest.skip(f"no file system in user space can be mounted here: {error.strerror}")
    yield mounted
    mounted.close()


def code(result: dict[str, Any]) -> str:
    error: str = result["structuredContent"]["error"]["code"]
    return error


def test_l31_a_mount_that_hangs_costs_a_few_workers_and_no_other_root(
    mount: HangingMount, tree: Path, tmp_path: Path, start_server: Callable[..., Any], short_deadlines: dict[str, str]
) -> None:
    server = start_server(roots=(str(tree), str(tmp_path / "remote")), **short_deadlines)
    server.initialize()
    server.wait_until_ready()
    assert server.call("read_file", path="remote/good.txt")["content"][0]["text"] == TEXT.decode()

    hanging = [server.start_call("read_file", path="remote/hanging.txt", limit=number + 1) for number in range(3)]
    assert [code(server.answer(call)["result"]) for call in hanging] == ["timeout"] * 3
    assert not server.call("read_file", path="project/README.md").get("isError")
    status = server.wait_for_status(lambda status: status["pool"]["hung_roots"] == ["remote"])
    assert status["pool"]["stuck"] == 3
    assert (status["status"], status["pool"]["ready"]) == ("degraded", 3)

    start = time.monotonic()
    refused = server.call("read_file", path="remote/good.txt")
    assert time.monotonic() - start < 0.25 + BUSY_S
    assert code(refused) == "io_error"
    assert refused["structuredContent"]["error"]["retry_after_ms"] > 0
    assert not server.call("read_file", path="project/README.md").get("isError")

    mount.recover()
    server.wait_for_status(lambda status: status["pool"]["stuck"] == 0)
    give_up_at = time.monotonic() + 20
    while (result := server.call("read_file", path="remote/good.txt")).get("isError"):
        assert code(result) == "io_error"
        assert time.monotonic() < give_up_at
    assert result["content"][0]["text"] == TEXT.decode()
    status = server.wait_for_status(lambda status: status["pool"]["hung_roots"] == [])
    assert status["status"] == "ok"
    server.wait_for_error("answers again")
