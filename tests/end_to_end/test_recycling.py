"""Workers that are replaced though they did nothing wrong: no call notices."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "limit",
    [
        {"FILEWARDEN_POOL_RECYCLE_AFTER_CALLS": "20"},
        {"FILEWARDEN_POOL_RECYCLE_AFTER_S": "1"},
        {"FILEWARDEN_POOL_RECYCLE_ABOVE_MB": "8"},  # less than the interpreter
    ],
)
def test_recycling_under_load_costs_no_call(
    start_server: Callable[..., Any], short_deadlines: dict[str, str], limit: dict[str, str]
) -> None:
    server = start_server(**{**short_deadlines, "FILEWARDEN_DEADLINES_READ_S": "20"}, **limit)
    server.initialize()
    first = {row["pid"] for row in server.wait_until_ready()["workers"]}
    recycled: set[int] = set()
    waiting = [server.start_call("get_file_info", path="README.md") for _ in range(8)]
    for number in range(20_000):
        assert not server.answer(waiting.pop(0))["result"].get("isError")
        waiting.append(server.start_call("get_file_info", path="README.md"))
        if number % 100 == 99:
            status = server.status()
            assert status["pool"]["restarts_total"] == 0
            recycled |= {row["slot"] for row in status["workers"] if row["last_exit"] == "recycled"}
            if len(recycled) == len(first):
                break
    assert len(recycled) == len(first)
    for call in waiting:
        assert not server.answer(call)["result"].get("isError")


def test_a_worker_whose_answers_all_blame_the_system_is_ejected(
    start_server: Callable[..., Any], short_deadlines: dict[str, str]
) -> None:
    server = start_server(faulty=True, **short_deadlines)
    server.initialize()
    pid = server.wait_until_ready()["workers"][0]["pid"]
    for _ in range(5):
        assert server.call("break")["structuredContent"]["error"]["code"] == "io_error"
    status = server.wait_for_status(lambda status: status["workers"][0]["pid"] != pid)
    assert (status["pool"]["ejections_total"], status["pool"]["restarts_total"]) == (1, 0)
    server.wait_for_error("was replaced")
    assert not server.call("get_file_info", path="README.md").get("isError")
