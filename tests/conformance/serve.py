"""`scripts/conformance --serve`: become the fixture server, for suites that are started elsewhere."""

import os
import sys
from pathlib import Path

from tests.conformance.peers import FIXTURE, serve_arguments, serve_environment

PLACE = Path(__file__).parent.parent.parent / ".cache" / "conformance"


def main(port: int) -> None:
    """Replace this process by the server."""
    root, state = PLACE / "root", PLACE / "state"
    root.mkdir(parents=True, exist_ok=True)
    state.mkdir(exist_ok=True)
    arguments = [sys.executable, *FIXTURE, "serve", *serve_arguments(str(root), port)]
    os.execve(sys.executable, arguments, serve_environment(str(state)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
