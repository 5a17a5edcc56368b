"""Landlock: the kernel's list of folders, and of nothing else, that a thread may open things beneath (landlock(7))."""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Sequence

import msgspec

from filewarden.workers.confine.syscalls import syscall

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
MAKE_SOCK = 1 << 9
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

READ_ONLY = READ_FILE | READ_DIR
# Never EXECUTE, IOCTL_DEV or the making of devices, pipes and sockets; no MAKE_SYM, for no tool makes links.
READ_WRITE = READ_ONLY | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
WATCH_ONLY = READ_DIR  # whoever tells what changes has no need of what is in it
ON_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

_BITS_BY_ABI = (0, 13, 14, 15, 15, 16)  # how many filesystem rights ABI 0, 1, 2, ... knows
_NET = 0b11  # bind and connect of TCP, ABI 4
ABSTRACT_SOCKETS = 1 << 0
SIGNALS = 1 << 1
ALL_SCOPES = ABSTRACT_SOCKETS | SIGNALS  # ABI 6
_CONNECT_TCP = 0b10
_QUERY_VERSION = 1
_RULE_PATH_BENEATH = 1
_RULE_NET_PORT = 2
_ALL_THREADS = 1 << 3  # ABI 8

NEEDED_ABI = 3
"""Below it a worker with read rights alone could empty files through O_RDONLY|O_TRUNC (measured)."""


class LandlockReport(msgspec.Struct, frozen=True):
    """What the domain that now holds covers."""

    abi: int
    network: bool
    scopes: bool


def query() -> int:
    """Ask the kernel for its Landlock ABI, at least 1.

    Raises OSError: ENOSYS (not in this kernel), EOPNOTSUPP (not switched on at boot), EPERM (a container forbids it).
    """
    return syscall("landlock_create_ruleset", 0, 0, _QUERY_VERSION)


def abi() -> int:
    """Give the kernel's Landlock ABI, 0 where there is none for us."""
    try:
        return query()
    except OSError:
        return 0


def handled(abi: int) -> int:
    """List the filesystem rights that a domain takes away unless a rule grants them: all that ABI 8 and older have.

    ABI 9 adds a right to connect to sockets by path; it stays unhandled because the worker connects once after this.
    """
    return (1 << _BITS_BY_ABI[min(abi, len(_BITS_BY_ABI) - 1)]) - 1


def restrict(roots: Sequence[tuple[int, bool]]) -> LandlockReport:
    """Confine the calling thread, and what it starts later, to `roots`: pairs of descriptor and "is writable".

    The descriptors may be O_PATH. Needs `no_new_privs`. Every call stacks one more domain, 16 at most.

    Raises OSError: as `query`, or what a descriptor is to blame for.
    """
    return restrict_to([(fd, READ_WRITE if is_writable else READ_ONLY) for fd, is_writable in roots])


def restrict_to(
    rules: Sequence[tuple[int, int]], *, ports: Sequence[int] = (), scopes: int = ALL_SCOPES
) -> LandlockReport:
    """The same with the rights spelled out: pairs of descriptor and rights beneath it, and TCP ports to connect to.

    Raises OSError: as `restrict`.
    """
    version = query()
    rights = handled(version)
    ruleset = _create_ruleset(version, rights, scopes)
    try:
        for fd, granted in rules:
            _allow(ruleset, fd, granted & rights)
        for port in ports if version >= 4 else ():
            _allow_port(ruleset, port)
        _enforce(ruleset, version)
    finally:
        os.close(ruleset)
    return LandlockReport(version, network=version >= 4, scopes=version >= 6 and scopes == ALL_SCOPES)


def _create_ruleset(version: int, rights: int, scopes: int) -> int:
    attributes = struct.pack("=QQQ", rights, _NET, scopes)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return syscall("landlock_create_ruleset", ctypes.addressof(buffer), len(attributes), 0)


def _allow(ruleset: int, fd: int, access: int) -> None:
    if not stat.S_ISDIR(os.fstat(fd).st_mode):
        access &= ON_A_FILE  # EINVAL otherwise
    if not access:
        return  # ENOMSG otherwise: what is not granted is denied
    rule = struct.pack("=Qi", access, fd)  # the structure is packed: 12 bytes
    buffer = ctypes.create_string_buffer(rule, len(rule))
    syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, ctypes.addressof(buffer), 0)


def _allow_port(ruleset: int, port: int) -> None:
    rule = struct.pack("=QQ", _CONNECT_TCP, port)
    buffer = ctypes.create_string_buffer(rule, len(rule))
    syscall("landlock_add_rule", ruleset, _RULE_NET_PORT, ctypes.addressof(buffer), 0)


def _enforce(ruleset: int, version: int) -> None:
    """There is one thread at this point; where the kernel can bind all of them at once, it costs nothing to ask."""
    if version >= 8:
        try:
            syscall("landlock_restrict_self", ruleset, _ALL_THREADS)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        else:
            return
    syscall("landlock_restrict_self", ruleset, 0)
