"""Which rights Landlock takes away and which it grants, as numbers; what they do is tested with the steps."""

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.confine import landlock


@pytest.mark.parametrize(
    ("abi", "bits"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (6, 16), (7, 16), (8, 16), (9, 16)]
)
def test_every_right_that_an_abi_knows_is_handled(abi: int, bits: int) -> None:
    assert landlock.handled(abi) == 2**bits - 1


def test_no_root_ever_grants_programs_devices_or_links() -> None:
    make_char, make_sock, make_fifo, make_block, make_sym = (1 << bit for bit in (6, 9, 10, 11, 12))
    never = landlock.EXECUTE | landlock.IOCTL_DEV | make_char | make_sock | make_fifo | make_block | make_sym
    assert landlock.READ_WRITE & never == 0
    assert landlock.READ_ONLY == landlock.READ_FILE | landlock.READ_DIR
    assert landlock.READ_ONLY & landlock.READ_WRITE == landlock.READ_ONLY


def test_asking_for_the_abi_never_fails() -> None:
    assert landlock.abi() >= 0


class Kernel:
    """What was asked of a kernel with such an ABI."""

    def __init__(self, abi: int, all_threads: int = 0) -> None:
        self.abi = abi
        self.all_threads = all_threads
        """The errno for binding all threads."""
        self.ruleset = b""
        self.rules: list[tuple[int, bytes]] = []
        self.bound: list[int] = []

    def syscall(self, name: str, *arguments: int) -> int:
        match name:
            case "landlock_create_ruleset" if arguments[2] == 1:
                return self.abi
            case "landlock_create_ruleset":
                self.ruleset = ctypes.string_at(arguments[0], arguments[1])
                return os.open(os.devnull, os.O_RDONLY)
            case "landlock_add_rule":
                _ruleset, kind, address, _flags = arguments
                self.rules.append((kind, ctypes.string_at(address, 12 if kind == 1 else 16)))
            case _:
                self.bound.append(arguments[1])
                if arguments[1] and self.all_threads:
                    raise OSError(self.all_threads, os.strerror(self.all_threads))
        return 0


@pytest.fixture
def kernel_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Kernel]:
    def make(abi: int, **more: Any) -> Kernel:
        kernel = Kernel(abi, **more)
        monkeypatch.setattr(landlock, "syscall", kernel.syscall)
        return kernel

    return make


@pytest.mark.parametrize(
    ("abi", "ruleset"),
    [(1, (2**13 - 1,)), (3, (2**15 - 1,)), (4, (2**15 - 1, 3)), (5, (2**16 - 1, 3)), (6, (2**16 - 1, 3, 3))],
)
def test_a_kernel_is_asked_for_all_that_it_knows_and_nothing_else(
    kernel_of: Callable[..., Kernel], tmp_path: Path, abi: int, ruleset: tuple[int, ...]
) -> None:
    kernel = kernel_of(abi)
    (tmp_path / "file").touch()
    folder, file = os.open(tmp_path, os.O_PATH), os.open(tmp_path / "file", os.O_PATH)
    try:
        found = landlock.restrict_to(
            [(folder, landlock.READ_WRITE), (file, landlock.READ_WRITE), (file, landlock.READ_DIR)], ports=[443]
        )
    finally:
        os.close(folder)
        os.close(file)
    assert kernel.ruleset == struct.pack(f"={len(ruleset)}Q", *ruleset)
    on_a_file = landlock.READ_FILE | landlock.WRITE_FILE | landlock.TRUNCATE
    rules = [
        (1, struct.pack("=Qi", landlock.READ_WRITE & ruleset[0], folder)),
        (1, struct.pack("=Qi", on_a_file & ruleset[0], file)),  # what nothing is granted of has no rule
        (2, struct.pack("=QQ", 2, 443)),
    ]
    assert kernel.rules == (rules if abi >= 4 else rules[:-1])
    assert (found.abi, found.network, found.scopes) == (abi, abi >= 4, abi >= 6)


def test_scopes_are_reported_where_all_of_them_hold(kernel_of: Callable[..., Kernel]) -> None:
    kernel_of(6)
    assert not landlock.restrict_to([], scopes=landlock.SIGNALS).scopes
    assert landlock.restrict_to([]).scopes


@pytest.mark.parametrize(("abi", "answer", "bound"), [(7, 0, [0]), (8, 0, [8]), (9, 0, [8]), (8, errno.EINVAL, [8, 0])])
def test_all_threads_are_bound_where_the_kernel_can(
    kernel_of: Callable[..., Kernel], abi: int, answer: int, bound: list[int]
) -> None:
    kernel = kernel_of(abi, all_threads=answer)
    landlock.restrict([])
    assert kernel.bound == bound


def test_where_threads_cannot_be_bound_for_another_reason_it_is_a_failure(kernel_of: Callable[..., Kernel]) -> None:
    kernel = kernel_of(8, all_threads=errno.EPERM)
    with pytest.raises(PermissionError):
        landlock.restrict([])
    assert kernel.bound == [8]
