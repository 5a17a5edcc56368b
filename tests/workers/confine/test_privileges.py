"""What a process gives up, by functions of its own; that it is gone is tested with the steps."""

import json
import os
import subprocess
import sys

NOBODY = 65534
PROGRAM = """
import errno, json, os, sys
from filewarden.workers.confine import privileges
start = int(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(start, start, start)
    os.setresuid(start, start, start)
uid, gid = os.geteuid(), os.getegid()

def dropped(uid, gid):
    try:
        privileges.drop_user(uid, gid)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"

print(json.dumps([dropped(uid, gid), dropped(uid + 1, gid), dropped(uid, gid + 1)]))
"""


def test_an_ordinary_account_that_is_to_become_another_one_is_told_so() -> None:
    command = [sys.executable, "-I", "-c", PROGRAM, str(NOBODY)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=20, cwd=os.sep)
    assert json.loads(done.stdout) == ["ok", "EPERM", "EPERM"]


ORPHAN = """
import os, signal
from ctypes import addressof, c_int
from filewarden.workers.confine import privileges
from filewarden.workers.confine.syscalls import syscall
privileges.die_with_parent(os.getppid())
what = c_int()
get_pdeathsig = 2
syscall("prctl", get_pdeathsig, addressof(what))
print(what.value == signal.SIGKILL)
"""


def test_what_ends_an_orphan_is_nothing_that_it_could_ignore() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", ORPHAN], stdout=subprocess.PIPE, check=True, timeout=20)
    assert done.stdout == b"True\n"
