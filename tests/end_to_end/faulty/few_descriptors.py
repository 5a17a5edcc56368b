"""The product's server in a process that has no descriptor left from SIGUSR1 on, until SIGUSR2."""

import os
import resource
import signal
import sys

from filewarden.broker.launch import launch
from filewarden.transports.serve import serve
from filewarden.workers.catalogue import CATALOGUE

LIMITS = resource.getrlimit(resource.RLIMIT_NOFILE)


def _starve(*_: object) -> None:
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, LIMITS[1]))


def _relieve(*_: object) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, LIMITS)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _starve)
    signal.signal(signal.SIGUSR2, _relieve)
    raise SystemExit(serve(sys.argv[2:], os.environ, launch(), CATALOGUE))
