"""Where the official Python SDK is: here, or in an environment of its own that is made when it is first wanted."""

import importlib.util
import os
import subprocess
import sys
import venv

REQUIREMENT = "mcp>=2,<3"
INSTALL_S = 300


def sdk_python(cache: str) -> str | None:
    """Give the Python that can run bench/baseline.py; None when there is no network to install the SDK from."""
    if importlib.util.find_spec("mcp") is not None:
        return sys.executable
    place = os.path.join(cache, "venv-baseline")
    python = os.path.join(place, "bin", "python")
    if os.path.exists(os.path.join(place, "ready")):
        return python
    venv.create(place, with_pip=True, clear=True)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
    try:
        subprocess.run(command, check=True, timeout=INSTALL_S, stdin=subprocess.DEVNULL)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    with open(os.path.join(place, "ready"), "w", encoding="ascii"):
        return python
