"""What makes other programs run something can be read and not changed, by whatever way."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.config.protected import CODE_EXECUTION
from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.rules.protection import Protection, protection
from filewarden.workers.tools import (
    copy_file,
    create_directory,
    delete_file,
    edit_file,
    move_file,
    read_file,
    restore_deleted,
    write_file,
)

Run = Callable[..., Any]

PROTECTED = [
    ".git/hooks/pre-commit",
    ".git/config",
    "deep/down/.git/config",
    ".git",
    ".gitattributes",
    "sub/.gitattributes",
    ".mcp.json",
    ".bashrc",
    ".profile",
    ".config/fish/config.fish",
    ".github/workflows/ci.yml",
    "sub/.github/workflows/ci.yml",
    ".gitlab-ci.yml",
    ".vscode/tasks.json",
    ".idea/workspace.xml",
    "x.code-workspace",
    ".GIT/hooks/post-merge",
    ".Mcp.JSON",
    ".gitattributes.",
    ".ssh/authorized_keys",
]
FREE = [
    ".github/dependabot.yml",
    "git/hooks/x",
    ".gitignore",
    "mcp.json.txt",
    "config",
    "hooks/x",
    "profile",
    "a~1.txt",
]


def refusal(run: Run, context: Context, tool: Any, **arguments: Any) -> ToolFailure:
    with pytest.raises(ToolFailure) as raised:
        run(context, tool, **arguments)
    return raised.value


@pytest.mark.parametrize("path", PROTECTED)
def test_no_tool_makes_it(writable: Context, run: Run, root: Path, disk: Any, path: str) -> None:
    before = disk(root)
    for tool, arguments in (
        (write_file.TOOL, {"path": path, "content": "x", "create_parents": True}),
        (create_directory.TOOL, {"path": path}),
    ):
        found = refusal(run, writable, tool, **arguments)
        assert found.code is Code.ACCESS_DENIED
        assert found.details["policy"] == "code-execution"
        assert "writes.protect" in found.message
    assert disk(root) == before


@pytest.mark.parametrize("path", FREE)
def test_what_only_resembles_it_is_free(writable: Context, run: Run, path: str) -> None:
    assert run(writable, write_file.TOOL, path=path, content="x", create_parents=True).created


def test_it_is_read_and_not_changed(writable: Context, run: Run, root: Path, disk: Any) -> None:
    (root / ".vscode").mkdir()
    (root / ".vscode" / "tasks.json").write_text("{}\n")
    (root / "alias").symlink_to(".vscode/tasks.json")
    before = disk(root)
    assert run(writable, read_file.TOOL, path=".vscode/tasks.json").text == b"{}\n"
    path = ".vscode/tasks.json"
    for tool, arguments in (
        (write_file.TOOL, {"path": path, "content": "x", "overwrite": True}),
        (write_file.TOOL, {"path": "alias", "content": "x", "overwrite": True}),
        (edit_file.TOOL, {"path": "alias", "edits": [{"old_text": "{}", "new_text": "x"}]}),
        (edit_file.TOOL, {"path": path, "edits": [{"old_text": "{}", "new_text": "x"}]}),
        (delete_file.TOOL, {"path": path}),
        (delete_file.TOOL, {"path": ".vscode", "recursive": True}),
        (move_file.TOOL, {"source": path, "destination": "b"}),
        (move_file.TOOL, {"source": ".vscode", "destination": "b"}),
        (move_file.TOOL, {"source": "a.txt", "destination": path, "overwrite": True}),
        (copy_file.TOOL, {"source": "a.txt", "destination": ".vscode/launch.json"}),
        (copy_file.TOOL, {"source": "a.txt", "destination": "alias", "overwrite": True}),
    ):
        assert refusal(run, writable, tool, **arguments).code is Code.ACCESS_DENIED, tool.name
    assert disk(root) == before


def test_it_does_not_wake_by_being_moved(writable: Context, run: Run, root: Path) -> None:
    """A folder that is harmless where it lies is refused where its files would be obeyed."""
    run(writable, write_file.TOOL, path="made/workflows/ci.yml", content="x", create_parents=True)
    assert refusal(run, writable, move_file.TOOL, source="made", destination=".github").code is Code.ACCESS_DENIED
    identifier = run(writable, delete_file.TOOL, path="made", recursive=True).trash_id
    woken = refusal(run, writable, restore_deleted.TOOL, trash_id=identifier, destination=".github")
    assert woken.code is Code.ACCESS_DENIED
    assert not (root / ".github").exists()
    assert run(writable, restore_deleted.TOOL, trash_id=identifier).path == "made"


def test_nor_does_anything_deep_in_it(writable: Context, run: Run, root: Path) -> None:
    own = msgspec.structs.replace(
        writable, writing=msgspec.structs.replace(writable.writing, protection=protection(("live/jobs/daily/run",)))
    )
    run(own, write_file.TOOL, path="made/jobs/daily/run", content="x", create_parents=True)
    assert refusal(run, own, move_file.TOOL, source="made", destination="live").code is Code.ACCESS_DENIED
    assert run(own, move_file.TOOL, source="made", destination="dead").destination == "dead"


def test_a_project_moves_with_its_own(writable: Context, run: Run, root: Path) -> None:
    (root / "project" / ".git").mkdir(parents=True)
    (root / "project" / ".git" / "config").write_text("x")
    run(writable, move_file.TOOL, source="project", destination="renamed")
    assert (root / "renamed" / ".git" / "config").exists()


def test_the_operator_chooses(writable: Context, run: Run, root: Path) -> None:
    own = msgspec.structs.replace(
        writable, writing=msgspec.structs.replace(writable.writing, protection=protection(("Makefile",)))
    )
    assert run(own, write_file.TOOL, path=".envrc", content="x").created
    assert refusal(run, own, write_file.TOOL, path="sub/makefile", content="x").code is Code.ACCESS_DENIED
    off = msgspec.structs.replace(own, writing=msgspec.structs.replace(own.writing, protection=Protection()))
    assert run(off, write_file.TOOL, path="sub/makefile", content="x").created
    assert sorted(os.listdir(root / "sub")) == ["b.py", "deep", "makefile"]


def test_every_glob_of_the_list_is_one() -> None:
    assert protection(CODE_EXECUTION).covers((b"a", b".git"))
    assert not protection(()).covers((b".git",))
