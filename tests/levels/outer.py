"""Runs a program under an outer filter, so that this kernel looks like an older or a more forbidding one.

`outer.py SPECIFICATION PROGRAM...`: the filter is installed before the program starts, as a container's would be, and
what the program installs later stacks on it.
"""

import ctypes
import os
import select
import socket
import struct
import sys

import msgspec

from filewarden.workers.confine import privileges, seccomp
from filewarden.workers.confine.syscalls import native, syscall

LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
USER_NOTIFICATION = 0x7FC00000
SET_MODE_FILTER, NEW_LISTENER = 1, 8
RECEIVE, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND (linux/seccomp.h)
CONTINUE = 1
QUERY_VERSION = 1


class Rule(msgspec.Struct, frozen=True):
    """Answer one call with an errno; where `bit` is set, only when argument `argument` has it."""

    call: str
    errno: int
    argument: int = 0
    bit: int = 0


class Specification(msgspec.Struct, frozen=True, kw_only=True):
    rules: tuple[Rule, ...] = ()
    landlock_abi: int | None = None
    """What the kernel answers when it is asked for its Landlock version."""
    uid: int | None = None
    """Who starts the program, when we are root."""
    closed: str | None = None
    """The folder that it is started in, which nobody may enter from then on."""


def main() -> None:
    specification = msgspec.json.decode(sys.argv[1], type=Specification)
    program = [sys.executable, *sys.argv[2:]]
    if specification.closed is not None:
        os.chdir(specification.closed)
        os.chmod(specification.closed, 0)
    uid = specification.uid
    if uid is not None and os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        syscall("prctl", 4, 1)  # dumpable again, as a process that was started by this user is
    if os.geteuid() != 0:
        privileges.set_no_new_privs()
    if specification.landlock_abi is not None:
        pretend_old_landlock(specification.landlock_abi)
    if specification.rules:
        seccomp.install(b"".join([load(0), *map(assemble, specification.rules), give(seccomp.ALLOW)]))
    os.execv(program[0], program)


def load(offset: int) -> bytes:
    return struct.pack("=HBBI", LOAD, 0, 0, offset)


def give(verdict: int) -> bytes:
    return struct.pack("=HBBI", RETURN, 0, 0, verdict)


def number_of(call: str) -> int:
    machine = native()
    assert machine is not None
    return machine.number(call)


def assemble(rule: Rule) -> bytes:
    verdict = give(seccomp.ERRNO | rule.errno)
    if rule.bit:
        verdict = load(16 + 8 * rule.argument) + struct.pack("=HBBI", ANY_BIT, 0, 1, rule.bit) + verdict + load(0)
    return struct.pack("=HBBI", EQUAL, 0, len(verdict) // 8, number_of(rule.call)) + verdict


def pretend_old_landlock(version: int) -> None:
    """Leave a grandchild behind that answers the program's questions for the version, and ends with it."""
    ours, theirs = socket.socketpair()
    if (child := os.fork()) == 0:
        if os.fork():
            os._exit(0)
        theirs.close()
        _data, fds, _flags, _address = socket.recv_fds(ours, 1, 1)
        for fd in (0, 1, 2):
            os.close(fd)  # the pipes belong to the program alone
        answer_until_the_end(fds[0], version)
        os._exit(0)
    os.waitpid(child, 0)
    ours.close()
    listener = listen()
    socket.send_fds(theirs, [b"!"], [listener])
    os.close(listener)
    theirs.close()


def listen() -> int:
    code = load(0) + struct.pack("=HBBI", EQUAL, 0, 1, number_of("landlock_create_ruleset"))
    code += give(USER_NOTIFICATION) + give(seccomp.ALLOW)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)), 16)
    return syscall("seccomp", SET_MODE_FILTER, NEW_LISTENER, ctypes.addressof(header))


def answer_until_the_end(listener: int, version: int) -> None:
    """The listener hangs up when the last process under the filter has ended (seccomp_unotify(2))."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        [(_fd, events)] = poll.poll()
        if events & select.POLLHUP:
            return
        question = bytearray(80)  # id, pid, flags, data: number, architecture, pointer, six arguments
        if not control(listener, RECEIVE, question):
            continue
        ident, flags = struct.unpack_from("=Q", question, 0)[0], struct.unpack_from("=Q", question, 48)[0]
        answer = (version, 0, 0) if flags == QUERY_VERSION else (0, 0, CONTINUE)
        control(listener, SEND, bytearray(struct.pack("=QqiI", ident, *answer)))


def control(listener: int, request: int, message: bytearray) -> bool:
    import fcntl

    try:
        fcntl.ioctl(listener, request, message)
    except (FileNotFoundError, InterruptedError):
        return False  # who asked has died meanwhile
    return True


if __name__ == "__main__":
    main()
