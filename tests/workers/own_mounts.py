"""A world of a test's own: another process with its own mounts."""

import ctypes
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.confine.syscalls import syscall

NEWNS, NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def mount(source: Path | str, target: Path, *, kind: str | None = None, options: str = "") -> None:
    texts = [ctypes.create_string_buffer(os.fsencode(text)) for text in (source, target, kind or "none", options)]
    at = [ctypes.addressof(text) for text in texts]
    flags = 0 if kind else MS_BIND | MS_REC
    syscall("mount", at[0], at[1], at[2] if kind else 0, flags, at[3] if options else 0)


def enter_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    syscall("unshare", NEWNS if uid == 0 else NEWNS | NEWUSER)
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    top = ctypes.create_string_buffer(b"/")
    syscall("mount", 0, ctypes.addressof(top), 0, MS_REC | MS_PRIVATE, 0)


def with_own_mounts(prepare: Callable[[], None], action: Callable[[], None]) -> None:
    """Run both in a child; where the first, which mounts, is not allowed, the test is skipped."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        report = b"x"
        try:
            try:
                enter_namespace()
                prepare()
            except OSError as error:
                report = f"skip no mounts here: {error.strerror}".encode()
            else:
                action()
                report = b"ok"
        except BaseException:
            report = traceback.format_exc().encode()
        finally:
            os.write(writer, report[-60000:])
            sys.stdout.flush()
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if told.startswith("skip"):
        pytest.skip(told[5:])
    assert told == "ok", told
