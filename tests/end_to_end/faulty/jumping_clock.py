"""The server with the misbehaving tools, in a process whose wall clock jumps by years at every look."""

import itertools
import sys
import time
from pathlib import Path

YEAR_S = 31_536_000.0


def main() -> int:
    true_time = time.time
    jumps = itertools.cycle((YEAR_S, -YEAR_S, 0.0))
    time.time = lambda: true_time() + next(jumps)
    sys.path.insert(0, str(Path(__file__).parent))
    from server import main as serve  # type: ignore[import-not-found,unused-ignore] # lies beside this script

    status: int = serve()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
