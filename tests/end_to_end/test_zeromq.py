"""A server whose workers are reached through ZeroMQ's library, as the operator may choose."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_with_the_library_calls_are_answered_and_killed_and_workers_recycled(
    start_server: Callable[..., Any], short_deadlines: dict[str, str]
) -> None:
    library = {"FILEWARDEN_POOL_ZEROMQ": "pyzmq", "FILEWARDEN_POOL_RECYCLE_AFTER_CALLS": "20"}
    server = start_server(faulty=True, **library, **{**short_deadlines, "FILEWARDEN_DEADLINES_READ_S": "2"})
    server.initialize()
    server.wait_until_ready()
    for _ in range(8):
        waiting = [server.start_call("get_file_info", path="README.md") for _ in range(16)]
        assert not any(server.answer(call)["result"].get("isError") for call in waiting)
    assert server.call("spin")["structuredContent"]["error"]["code"] == "timeout"
    status = server.wait_for_status(lambda status: status["pool"]["ready"] == status["pool"]["size"])
    assert status["pool"]["restarts_total"] == 1
    assert {"recycled", "deadline"} & {row["last_exit"] for row in status["workers"]}
    assert server.call("read_file", path="README.md")["content"][0]["text"]
