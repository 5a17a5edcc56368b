"""The launcher of a server whose workers can be captured."""

import sys
from pathlib import Path

from filewarden.workers import attached
from filewarden.workers.confine.namespaces import Isolation


def serve_zygote(control: attached.Socket, isolation: Isolation) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    from tools import CAPTURED  # type: ignore[import-not-found,unused-ignore] # lies beside this script

    from filewarden.workers.zygote import serve

    serve(control, isolation, CAPTURED)


if __name__ == "__main__":
    from filewarden.workers.launcher import main

    main(serve_zygote)
