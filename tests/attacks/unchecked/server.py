"""The product's server with workers that check no path; for tests only."""

import os
import sys
from pathlib import Path

from filewarden.broker.launch import launch
from filewarden.transports.serve import serve
from filewarden.workers.catalogue import CATALOGUE

if __name__ == "__main__":
    arguments = sys.argv[2:]
    layers = [each for each in arguments if each in ("no-namespaces", "no-landlock")]
    launched = launch((str(Path(__file__).parent / "launcher.py"), *layers))
    arguments = [each for each in arguments if each not in layers]
    raise SystemExit(serve(arguments, os.environ, launched, CATALOGUE))
