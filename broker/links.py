"""Who speaks ZeroMQ's protocol to the workers, as the setting `pool.zeromq` says."""

from collections.abc import Callable

from filewarden.broker.link import Links
from filewarden.config.sections.pool import ZeroMq


def load_links(zeromq: ZeroMq) -> Callable[[str, int], Links]:
    """What makes the endpoints of a server; only what is asked for is loaded.

    Call it before the process confines itself: what the library is made of may be out of reach afterwards.
    """
    if zeromq == "pyzmq":
        from filewarden.broker.zmq_link import ZmqLinks

        return ZmqLinks
    from filewarden.broker.own_link import OwnLinks

    return OwnLinks


def links_in(folder: str, max_frame_bytes: int, zeromq: ZeroMq = "built-in") -> Links:
    """The endpoints of a server, in `folder`, each for frames of so many bytes."""
    return load_links(zeromq)(folder, max_frame_bytes)
