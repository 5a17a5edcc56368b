"""What waits behind a request that has no answer yet, over a transport that only knows whether it reads."""

from typing import Any

from filewarden.transports.http.backlog import AT_ONCE, LITTLE_BYTES, Backlog, cut


class Reading:
    """A transport."""

    is_on = True

    def pause_reading(self) -> None:
        self.is_on = False

    def resume_reading(self) -> None:
        self.is_on = True


def test_nothing_more_is_read_while_something_is_held_back() -> None:
    transport: Any = Reading()
    backlog = Backlog(transport)
    backlog.hold(b"")
    assert transport.is_on
    backlog.hold(b"one")
    assert not transport.is_on
    backlog.resume_reading()
    assert not transport.is_on, "whoever waits for the body of an earlier request has no say in it"
    backlog.hold(b"two")
    assert backlog.release() == b"onetwo"
    assert transport.is_on
    assert backlog.release() == b""


def test_little_is_parsed_at_once_where_many_requests_may_be_in_it() -> None:
    shortest = b"GET / HTTP/1.0\r\n\r\n"
    few, many = shortest * AT_ONCE + b"x" * LITTLE_BYTES, shortest * (AT_ONCE + 1) + b"x" * LITTLE_BYTES
    assert cut(few) == (few, b"")
    assert cut(many) == (many[:LITTLE_BYTES], many[LITTLE_BYTES:])
