"""The allocator's options, in a process of their own: they would change the test runner's memory for good."""

import platform
import subprocess
import sys

_TUNE = (
    "from filewarden.workers.allocator import tune_allocator;"
    "import sys; assert 'ctypes' not in sys.modules; print(tune_allocator(single_arena=True))"
)


def test_tuning_works_with_glibc_and_is_harmless_elsewhere() -> None:
    command = [sys.executable, "-I", "-c", _TUNE]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=20, text=True).stdout.strip()
    uses_glibc = platform.libc_ver()[0] == "glibc"
    assert answer == str(uses_glibc)
