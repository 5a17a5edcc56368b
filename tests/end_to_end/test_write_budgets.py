"""The budgets of a real server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("setting", "limit", "admitted"), [("max_files_per_minute", 3, 3), ("max_bytes_per_minute", 25, 2)]
)
def test_e24_a_budget_is_refused_by_its_name_and_changes_nothing(
    owned: Path, start_server: Callable[..., Any], setting: str, limit: int, admitted: int
) -> None:
    server = start_server("--allow-write", **{f"FILEWARDEN_WRITES_{setting.upper()}": str(limit)})
    server.initialize()
    assert server.call("write_file", path="notes.txt", content="1234567890")["isError"]  # costs nothing
    for number in range(admitted):
        assert not server.call("write_file", path=f"new{number}", content="1234567890").get("isError")
    error = server.call("write_file", path="last", content="1234567890")["structuredContent"]["error"]
    assert (error["code"], error["budget"]) == ("overloaded", f"writes.{setting}")
    assert 0 < error["retry_after_ms"] <= 61_000
    assert not (owned / "last").exists()
    assert not server.call("read_file", path="new0").get("isError")
    assert not server.call("list_changes").get("isError")
