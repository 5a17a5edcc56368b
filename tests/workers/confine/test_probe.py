"""The probe's answers agree with themselves; what it finds depends on the machine."""

import errno
import threading

import pytest

from filewarden.workers.confine.probe import Kernel, probe


def test_each_feature_works_or_has_a_reason(kernel: Kernel) -> None:
    works = {
        "landlock": kernel.landlock_abi > 0,
        "seccomp": kernel.seccomp,
        "openat2": kernel.openat2,
        "pidfd": kernel.pidfd,
        "user_namespaces": kernel.user_namespaces,
    }
    assert {name for name, does in works.items() if not does} == set(kernel.why_not)
    assert all(code in errno.errorcode or code >= 128 for code in kernel.why_not.values())


def test_it_refuses_to_fork_beside_other_threads() -> None:
    leave = threading.Event()
    other = threading.Thread(target=leave.wait, args=(10,))
    other.start()
    try:
        with pytest.raises(RuntimeError, match="before any thread"):
            probe()
    finally:
        leave.set()
        other.join()
