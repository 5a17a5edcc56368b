"""The product's server with a launcher that never starts anything."""

import os
import sys

from filewarden.broker.launch import launch
from filewarden.transports.serve import serve
from filewarden.workers.catalogue import CATALOGUE

if __name__ == "__main__":
    launched = launch(("-c", "import socket; s = socket.socket(fileno=3)\nwhile s.recv(300000): pass"))
    raise SystemExit(serve(sys.argv[2:], os.environ, launched, CATALOGUE))
