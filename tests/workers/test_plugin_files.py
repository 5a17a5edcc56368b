"""What a plugin's function is told of a folder."""

import os
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.paths.space import Space
from filewarden.workers.plugins.files import Files


def test_what_goes_while_a_folder_is_listed_is_left_out(
    context: Context, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine = Space.examine

    def late(self: Space, folder: Any, name: bytes) -> Any:
        if name == b"a.txt":
            (root / "a.txt").unlink()
        return examine(self, folder, name)

    monkeypatch.setattr(Space, "examine", late)
    assert [file.name for file in Files(context).list(".")] == ["sub"]


def test_nothing_is_told_of_where_a_link_leads_out_to(context: Context, root: Path, places: Any) -> None:
    (root / "out").symlink_to(places.outside)
    (root / "in").symlink_to("a.txt")
    found = {file.name: (file.kind, file.size) for file in Files(context).list(".")}
    assert (found["out"], found["in"]) == (("symlink", 0), ("file", 6))
    assert os.lstat(root / "out").st_size > 0
