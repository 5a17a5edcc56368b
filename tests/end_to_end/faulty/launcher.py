"""The launcher of a server whose workers also know the misbehaving tools."""

import socket
import sys
from pathlib import Path


def serve_zygote(control: socket.socket) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    from filewarden.workers.zygote import serve
    from tools import FAULTY  # type: ignore[import-not-found,unused-ignore] # lies beside this script

    serve(control, FAULTY)


if __name__ == "__main__":
    from filewarden.workers.launcher import main

    main(serve_zygote)
