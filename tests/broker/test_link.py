from typing import Any

import pytest
import zmq

from filewarden.broker.link import Link


class Late(zmq.Socket[bytes]):
    """A socket to which a message comes right after it was found empty."""

    def recv(self, *arguments: Any, **options: Any) -> Any:
        if "has_been_empty" not in self.__dict__:
            self.__dict__["has_been_empty"] = True
            raise zmq.Again
        return super().recv(*arguments, **options)


@pytest.fixture
def context() -> Any:
    context: zmq.Context[Any] = zmq.Context()
    yield context
    context.destroy(linger=0)


def test_what_arrives_between_two_looks_is_not_left_lying(context: Any) -> None:
    """The second look takes the descriptor's signal: nobody would come back for the frame (zmq_getsockopt(3))."""
    ours, theirs = Late(context, zmq.PAIR), zmq.Socket(context, zmq.PAIR)
    ours.bind("inproc://late")
    theirs.connect("inproc://late")
    theirs.send(b"ready")
    link = Link(ours, "/nowhere", 0)
    frame = link.receive()
    assert frame is not None
    assert bytes(frame.buffer) == b"ready"
    assert link.receive() is None
    ours.close()
    theirs.close()
