"""The product's server with tools that hand a worker to the attacker."""

import os
import sys
from pathlib import Path


def main() -> int:
    sys.path.insert(0, str(Path(__file__).parent))
    from tools import CAPTURED  # type: ignore[import-not-found,unused-ignore] # lies beside this script

    from filewarden.broker.launch import launch
    from filewarden.transports.serve import serve

    launched = launch((str(Path(__file__).parent / "launcher.py"),))
    return serve(sys.argv[2:], os.environ, launched, CAPTURED)


if __name__ == "__main__":
    raise SystemExit(main())
