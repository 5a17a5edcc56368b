"""What the tests of confinement need from the kernel, and a loud word where it is not there."""

import os
import subprocess
import sys

import msgspec
import pytest

from filewarden.workers.confine.probe import Kernel

_ASK = (
    "import sys, msgspec; from filewarden.workers.confine.probe import probe;"
    "sys.stdout.buffer.write(msgspec.json.encode(probe()))"
)


@pytest.fixture(scope="session")
def kernel() -> Kernel:
    """The features of this kernel, tried out by a clean process."""
    command = [sys.executable, "-I", "-c", _ASK]
    return msgspec.json.decode(
        subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=20).stdout, type=Kernel
    )


@pytest.fixture(scope="session")
def sandbox(kernel: Kernel) -> Kernel:
    """A kernel on which mode "required" works; where REQUIRE_SANDBOX_LEVEL is set, anything less is a failure."""
    if kernel.landlock_abi < 3 or not kernel.seccomp or not kernel.openat2:
        reason = f"this kernel cannot confine a worker: {kernel}"
        if os.environ.get("REQUIRE_SANDBOX_LEVEL"):
            pytest.fail(reason)
        pytest.skip(reason)
    return kernel
