"""The history of changes and the ways back under attack, over every transport; the state folder lies in the root."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.ground import snapshot
from tests.drivers.ownership import own

pytestmark = pytest.mark.integration

Json = dict[str, Any]
STATE = "state"
FORGED = [
    "0" * 24,
    "f" * 24,
    "../usage",
    "usage",
    "0" * 24 + ".pending",
    "/etc/passwd",
    "../../OUT/canary.txt",
    ".",
    "x\0y",
    "%2e%2e",
    "20260101T000000-0123456789abcdef",
]
"""Of changes and of deletions alike."""
TRANSPORTS = ("stdio", "http", "sse")


@pytest.fixture(params=TRANSPORTS, scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def arena(kind: str, grounds: Callable[[], Any]) -> Any:
    ground = grounds()
    (ground.root / STATE).mkdir(mode=0o700)
    ground.config.write_text(f'[[roots]]\npath = "{ground.root}"\nmode = "rw"\ndeny = [".env", "secrets/**"]\n')
    own(ground.root)
    return ground


@pytest.fixture(scope="module")
def server(kind: str, arena: Any, launch: Callable[..., Any]) -> Any:
    started = launch(kind, arena, XDG_STATE_HOME=str(arena.root / STATE))
    for content in ("one", "two"):
        started.data("write_file", path="kept.txt", content=content, overwrite=True)
    started.data("write_file", path="gone.txt", content="gone")
    started.data("delete_file", path="gone.txt")
    return started


@pytest.fixture
def writer(server: Any, arena: Any, guard: Callable[..., Any]) -> Any:
    return guard(server, arena)


@pytest.fixture
def history(arena: Any) -> Path:
    (found,) = (arena.root / STATE / "filewarden").glob("history*")
    return Path(found)


@pytest.mark.parametrize("tool", ["undo_change", "restore_deleted"])
def test_forged_names_lead_nowhere(writer: Any, arena: Any, tool: str) -> None:
    argument = {"undo_change": "id", "restore_deleted": "trash_id"}[tool]
    before = snapshot(arena.root)
    for forged in FORGED:
        assert writer.code(tool, **{argument: forged}) in ("not_found", "invalid_argument"), forged
    odd: object
    for odd in ("", "x" * 65, 5, None if tool == "undo_change" else True, ["x"], {"id": "x"}):
        assert writer.code(tool, **{argument: odd}) == "invalid_argument", odd
    assert snapshot(arena.root) == before


def test_x04_c13_no_path_reaches_what_is_kept(writer: Any, arena: Any, history: Path) -> None:
    """Nor the token, the trash, or any way to them by links."""
    kept = next(path.name for path in history.iterdir() if path.name.endswith(".open"))
    link = arena.root / "way"
    link.symlink_to(history)
    before = snapshot(arena.root)
    relative = history.relative_to(arena.root)
    closed = [str(relative), f"{relative}/{kept}", f"{relative}/new", str(history), f"way/{kept}", f"x/../{relative}"]
    for path in (*closed, f"{STATE}/filewarden/token", ".filewarden-trash", ".filewarden-trash/x/item"):
        for tool, arguments in (
            ("read_file", {"path": path}),
            ("get_file_info", {"path": path}),
            ("search_text", {"path": path, "pattern": "one"}),
            ("write_file", {"path": path, "content": "x", "overwrite": True}),
            ("create_directory", {"path": f"{path}/new"}),
            ("delete_file", {"path": path, "recursive": True, "permanent": True}),
            ("move_file", {"source": path, "destination": "taken"}),
            ("move_file", {"source": "kept.txt", "destination": path, "overwrite": True}),
            ("copy_file", {"source": path, "destination": "taken"}),
        ):
            assert writer.code(tool, **arguments) in ("access_denied", "not_found"), (tool, arguments)
    for recursive in ({"path": STATE, "recursive": True}, {"path": STATE, "recursive": True, "permanent": True}):
        assert writer.code("delete_file", **recursive) == "access_denied"
    assert writer.code("move_file", source=STATE, destination="taken") == "access_denied"
    assert snapshot(arena.root) == before
    link.unlink()


@pytest.mark.parametrize("path", [".env", "secrets", "secrets/key.txt", STATE, "../OUT", "/etc", "../../R-evil", "\0"])
def test_nothing_is_told_of_changes_elsewhere(writer: Any, path: str) -> None:
    listed = writer.call("list_changes", path=path)
    assert listed.get("isError") or listed["structuredContent"]["changes"] == []


@pytest.mark.parametrize("kind", ["stdio"], indirect=True)
def test_what_was_closed_since_is_neither_told_of_nor_brought_back(
    kind: str, writer: Any, arena: Any, launch: Callable[..., Any]
) -> None:
    """Another server with a rule more keeps the same history."""
    changes = writer.data("list_changes")["changes"]
    deletions = writer.data("restore_deleted")["deletions"]
    assert changes
    assert deletions
    (arena.base / "stricter.toml").write_text(arena.config.read_text().replace('".env"', '"kept.txt", "gone.txt"'))
    stricter = launch(
        kind, arena, "--config", str(arena.base / "stricter.toml"), XDG_STATE_HOME=str(arena.root / STATE)
    )
    assert stricter.data("list_changes")["changes"] == []
    assert stricter.data("restore_deleted")["deletions"] == []
    before = snapshot(arena.root)
    for change in changes:
        assert stricter.code("undo_change", id=change["id"]) in ("not_found", "access_denied")
    for deletion in deletions:
        assert stricter.code("restore_deleted", trash_id=deletion["trash_id"]) == "not_found"
    assert snapshot(arena.root) == before


def test_what_lies_outside_is_not_reached_by_an_undo_through_a_link(writer: Any, arena: Any) -> None:
    """The folder of a change became a link out since: the change is refused and nothing else happens."""
    writer.data("write_file", path="d/canary.txt", content="one", create_parents=True)
    writer.data("write_file", path="d/canary.txt", content="two", overwrite=True)
    deleted = writer.data("delete_file", path="d/canary.txt")["trash_id"]
    changes = writer.data("list_changes", path="d/canary.txt")["changes"]
    (arena.root / "d").rename(arena.root / "was")
    (arena.root / "d").symlink_to("../OUT")
    before = snapshot(arena.root)
    for change in changes:
        assert writer.code("undo_change", id=change["id"]) in ("access_denied", "conflict")
    assert writer.code("restore_deleted", trash_id=deleted) == "access_denied"
    assert writer.code("restore_deleted", trash_id=deleted, destination="d/new") == "access_denied"
    assert snapshot(arena.root) == before
    (arena.root / "d").unlink()
    (arena.root / "was").rename(arena.root / "d")
    assert writer.data("restore_deleted", trash_id=deleted) == {"path": "d/canary.txt"}
    writer.data("delete_file", path="d", recursive=True, permanent=True)
