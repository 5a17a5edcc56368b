"""Calling the kernel by name."""

import errno
import os

import pytest

from filewarden.workers.confine.syscalls import AARCH64, ABSENT, NEWEST, NUMBERS, X86_64, native, syscall


def test_no_two_calls_share_a_number() -> None:
    for machine in (X86_64, AARCH64):
        numbers = [number for name in NUMBERS if (number := machine.number(name)) != ABSENT]
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) <= NEWEST


@pytest.mark.skipif(native() is None, reason="no system call numbers for this machine")
def test_a_call_returns_what_the_kernel_returned() -> None:
    assert syscall("getpid") == os.getpid()
    address = syscall("mmap", 0, 1 << 33, 0, 0x4022, -1, 0)
    assert address > 1 << 32
    assert syscall("munmap", address, 1 << 33) == 0


def test_a_failed_call_raises_its_errno() -> None:
    with pytest.raises(OSError, match="close") as caught:
        syscall("close", -1)
    assert caught.value.errno == (errno.EBADF if native() else errno.ENOSYS)
