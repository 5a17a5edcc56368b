"""The namespaces with the real kernel, in clean processes: what is mounted, how, and what is left when it fails."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.confine.probe import Kernel

PROGRAM = """
import errno, json, os, sys
from ctypes import addressof, create_string_buffer
from filewarden.workers.confine import namespaces
from filewarden.workers.confine.namespaces import Mount, StrandedError, enclose, isolate
place, missing = sys.argv[1], json.loads(sys.argv[2])
why = missing.pop("working folder", None)
if why == errno.EACCES:
    opened = os.open

    def closed_here(path, flags, **more):
        if path == ".":  # to root in a user namespace of its own nothing is closed that it could make here
            raise OSError(why, os.strerror(why), path)
        return opened(path, flags, **more)

    os.open = closed_here
elif why is not None:
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
assert isolate().is_active
real = namespaces.syscall

def syscall(name, *arguments):
    if name in missing:
        raise OSError(missing[name], os.strerror(missing[name]), name)
    return real(name, *arguments)

fs, below = create_string_buffer(b"tmpfs"), create_string_buffer(os.fsencode(place + "/root/with blank"))
root = create_string_buffer(b"/")
child = os.fork()  # a child of the process id namespace, as the zygote is
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
real("mount", 0, addressof(root), 0, 0x44000, 0)
real("mount", addressof(fs), addressof(below), addressof(fs), 0, 0)
open(place + "/root/with blank/file", "x").close()
kept = create_string_buffer(os.fsencode(place + "/other/kept"))
real("mount", addressof(fs), addressof(kept), addressof(fs), 0, 0)
real("mount", 0, addressof(kept), 0, 1 | 32 | 4096, 0)  # this mount is read-only, its file system is not
namespaces.syscall = syscall

def written(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"

try:
    paths = enclose([Mount(place + "/root", False), Mount(place + "/other", True)], place)
except OSError as error:
    print(json.dumps({"failed": errno.errorcode[error.errno], "there": os.path.isdir(place), "cwd": os.getcwd()}))
except StrandedError as error:
    print(json.dumps({"stranded": str(error)}))
else:
    names = {path: sorted(os.listdir(path)) for path in (".", "/", *paths)}
    there = ("/x", "/root0/x", "/root0/with blank/file", "/root1/x", "/root1/kept/x", "/endpoints/x")
    tries = {path: written(path) for path in there}
    flags = {path: os.statvfs(path).f_flag for path in tries if os.path.exists(path)}
    print(json.dumps({"names": names, "tries": tries, "flags": flags}))
"""
OWN = """
import json, os
from filewarden.workers.confine.namespaces import isolate
def found():
    return {name: os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "uts", "ipc", "net")}
before = found()
assert isolate().is_active
after = found()
child = os.fork()
if child == 0:
    os._exit(os.getpid())
first = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps([[name for name in before if before[name] == after[name]], first]))
"""
EPERM, ENOENT, EACCES, ENOSYS = 1, 2, 13, 38
NOSUID_NODEV_NOEXEC = 2 | 4 | 8


@pytest.fixture
def place(kernel: Kernel, tmp_path: Path) -> Path:
    if not kernel.user_namespaces and os.geteuid() != 0:
        pytest.skip(f"no user namespaces here: {kernel.why_not}")
    for folder in ("root/with blank", "other/kept"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def enclosed(place: Path, **missing: int) -> dict[str, Any]:
    command = [sys.executable, "-I", "-c", PROGRAM, str(place), json.dumps(missing)]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False, cwd=place)
    assert done.returncode == 0, done.stderr.decode()
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize(
    "missing",
    [
        {},
        {"mount_setattr": ENOSYS},
        {"mount_setattr": EPERM},
        {"working folder": ENOENT},
        {"working folder": EACCES},
    ],
)
def test_only_what_is_served_is_there_and_read_only_with_every_mount_below(
    place: Path, missing: dict[str, int]
) -> None:
    seen = enclosed(place, **missing)
    assert seen["names"]["/"] == seen["names"]["."] == ["endpoints", "root0", "root1"]
    assert seen["names"]["/root0"] == ["with blank"]
    assert "/root0/with blank/file" in seen["flags"], "what is mounted below comes with it"
    assert seen["tries"] == {
        "/x": "EROFS",
        "/root0/x": "EROFS",
        "/root0/with blank/file": "EROFS",
        "/root1/x": "ok",
        "/root1/kept/x": "EROFS",
        "/endpoints/x": "EROFS",
    }
    assert all(flags & NOSUID_NODEV_NOEXEC == NOSUID_NODEV_NOEXEC for flags in seen["flags"].values())


def test_nothing_is_shared_with_the_host(place: Path) -> None:
    done = subprocess.run([sys.executable, "-I", "-c", OWN], stdout=subprocess.PIPE, timeout=20, check=True, cwd=place)
    shared, pid = json.loads(done.stdout)
    assert shared == []
    assert pid == 1, "its children see none but each other"


@pytest.mark.parametrize("call", ["open_tree", "mount", "move_mount", "pivot_root", "umount2"])
def test_a_failure_at_any_step_leaves_everything_as_it_was(place: Path, call: str) -> None:
    assert enclosed(place, **{call: EPERM}) == {"failed": "EPERM", "there": True, "cwd": str(place)}


def test_a_failure_without_a_way_back_is_told_apart(place: Path) -> None:
    assert "could not finish its mounts" in enclosed(place, umount2=EPERM, setns=EPERM)["stranded"]
