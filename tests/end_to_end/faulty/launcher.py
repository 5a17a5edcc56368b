"""The launcher of a server whose workers also know the misbehaving tools."""

import sys
from pathlib import Path

from filewarden.workers import attached
from filewarden.workers.confine.namespaces import Isolation


def serve_zygote(control: attached.Socket, isolation: Isolation) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    from tools import FAULTY  # type: ignore[import-not-found,unused-ignore] # lies beside this script

    from filewarden.workers.zygote import serve

    serve(control, isolation, FAULTY)


def reread(document: int, channel: attached.Socket) -> None:
    from filewarden.transports.rereading import reread

    reread(document, channel)


if __name__ == "__main__":
    from filewarden.workers.launcher import main

    main(serve_zygote, reread)
