"""Section E and the writing halves of P, L, C and J: what is refused changes nothing on disk, over every transport."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.ground import snapshot
from tests.drivers.ownership import own

pytestmark = pytest.mark.integration

Json = dict[str, Any]
HUGE_BYTES = 1 << 40
"""Of a hole, where the file system has them."""


@pytest.fixture(scope="session")
def writable_ground(grounds: Callable[[], Any]) -> Any:
    """A ground whose root the workers' account owns."""
    made = grounds()
    own(made.root)
    made.config.write_text(
        f'[[roots]]\npath = "{made.root}"\nname = "R"\nmode = "rw"\ndeny = [".env", "secrets/**"]\n'
        f'[[roots]]\npath = "{made.base / "r"}"\nname = "RO"\n'
        "[writes]\nmax_file_bytes = 1000000\n"
    )
    return made


class Prefixed:
    """A client of the ground's server whose paths begin in the root."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def text(self, path: str) -> str:
        text: str = self.server.text(f"R/{path}")
        return text

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)


@pytest.fixture(scope="session")
def writers(launch: Callable[..., Any], writable_ground: Any) -> Callable[[str], Any]:
    servers: dict[str, Any] = {}

    def find(kind: str) -> Any:
        if kind not in servers:
            server = launch(kind, writable_ground, "--config", str(writable_ground.config), opened=False)
            server.open()
            server.wait_for_status(
                lambda status: status["pool"]["ready"] == status["pool"]["size"] and status["pool"]["spares"]
            )
            server.many([("read_file", {"path": "R/small.txt"})] * 8)
            server.call("write_file", path="R/warm.txt", content="x", overwrite=True)
            servers[kind] = Prefixed(server)
        return servers[kind]

    return find


@pytest.fixture
def writer(transport: str, writers: Callable[[str], Any], guard: Callable[..., Any], writable_ground: Any) -> Any:
    return guard(writers(transport), writable_ground)


@pytest.fixture
def place(writable_ground: Any) -> Iterator[Path]:
    """A fresh folder in the root, of the workers' account."""
    made: Path = writable_ground.root / "row"
    made.mkdir()
    files: dict[str, str | bytes] = {"f.txt": "one\none\none\nlast", "crlf.txt": b"a\r\nb\r\n", "sub/g.txt": "g"}
    for name, content in files.items():
        (made / name).parent.mkdir(exist_ok=True)
        writable_ground.write(made / name, content)
    (made / "latin.txt").write_bytes(b"\xe9t\xe9\n")
    (made / "many.txt").write_bytes(b"a" * 600_000)
    (made / "huge.txt").touch()
    os.truncate(made / "huge.txt", HUGE_BYTES)
    (made / "out").symlink_to(writable_ground.outside)
    (made / "l").symlink_to(writable_ground.hook)
    (made / "gap").symlink_to(writable_ground.outside / "new.txt")
    (made / "denied").symlink_to("../.env")
    (made / "ro").symlink_to(writable_ground.base / "r")
    os.mkfifo(made / "pipe")
    for path in (made, *made.rglob("*")):
        own(path)
    yield made
    subprocess.run(["rm", "-rf", str(made), str(writable_ground.root / ".filewarden-trash")], check=True)


def edit(path: str, old: str, new: str = "x", **more: Any) -> tuple[str, Json]:
    return "edit_file", {"path": path, "edits": [{"old_text": old, "new_text": new, **more}]}


def write(path: str, content: str = "x", **more: Any) -> tuple[str, Json]:
    return "write_file", {"path": path, "content": content, **more}


def move(source: str, destination: str, **more: Any) -> tuple[str, Json]:
    return "move_file", {"source": source, "destination": destination, **more}


def delete(path: str, **more: Any) -> tuple[str, Json]:
    return "delete_file", {"path": path, **more}


DENIED, INVALID, CONFLICT = "access_denied", "invalid_argument", "conflict"
ROW = "R/row"
REFUSED: list[tuple[str, tuple[str, Json], str]] = [
    ("p03_climbs", write("R/../../OUT/new"), DENIED),
    ("p03_climbs_inside", write("R/row/../../../OUT/new"), DENIED),
    ("p_absolute", write("/etc/filewarden-new"), DENIED),
    ("p_sibling", write("R/../R-evil/new"), DENIED),
    ("p_nul", write("R/row/a\0b"), INVALID),
    ("p_empty", write(""), INVALID),
    ("p_no_root", write("new"), "not_found"),
    ("p_the_roots", write("."), DENIED),
    ("p_trailing_slash", write(f"{ROW}/new/"), INVALID),
    ("p_dot", write(f"{ROW}/."), INVALID),
    ("l01_write", write(f"{ROW}/l", overwrite=True), DENIED),
    ("l01_append", write(f"{ROW}/l", append=True), DENIED),
    ("l03_mkdir", ("create_directory", {"path": f"{ROW}/out/n"}), DENIED),
    ("l03_write", write(f"{ROW}/out/canary.txt", overwrite=True), DENIED),
    ("l03_delete", delete(f"{ROW}/out/canary.txt"), DENIED),
    ("l06_dangling", write(f"{ROW}/gap"), DENIED),
    ("l06_dangling_append", write(f"{ROW}/gap", append=True), DENIED),
    ("l07_below_a_link", write(f"{ROW}/out/x/y/new.txt", create_parents=True), DENIED),
    ("l08_move_to", move(f"{ROW}/f.txt", f"{ROW}/out/f.txt"), DENIED),
    ("l08_move_from", move(f"{ROW}/out/canary.txt", f"{ROW}/c"), DENIED),
    ("l08_copy_to", ("copy_file", {"source": f"{ROW}/f.txt", "destination": f"{ROW}/out/f"}), DENIED),
    ("l08_copy_from", ("copy_file", {"source": f"{ROW}/out/canary.txt", "destination": f"{ROW}/c"}), DENIED),
    ("l08_copy_link", ("copy_file", {"source": f"{ROW}/l", "destination": f"{ROW}/c"}), DENIED),
    ("l10_to_a_read_only_root", write(f"{ROW}/ro/canary.txt", overwrite=True), DENIED),
    ("l11_denied_object", write(f"{ROW}/denied", overwrite=True), DENIED),
    ("l19_pipe", write(f"{ROW}/pipe", append=True), "unsupported"),
    ("c05_read_only", write("RO/new"), "read_only"),
    ("c05_read_only_move", move("RO/canary.txt", f"{ROW}/c"), "read_only"),
    ("c06_read_only_to", move(f"{ROW}/f.txt", "RO/f.txt"), "read_only"),
    ("c08_denied_write", write("R/.env", overwrite=True), DENIED),
    ("c08_denied_new", write("R/secrets/new"), DENIED),
    ("c08_denied_parents", write(f"{ROW}/a/b/.env", create_parents=True), DENIED),
    ("c08_denied_move", move("R/secrets", f"{ROW}/free"), DENIED),
    ("c08_denied_delete", delete("R/.env"), DENIED),
    ("c10_protected", write(f"{ROW}/.git/hooks/post-checkout", create_parents=True), DENIED),
    ("e02_empty", edit(f"{ROW}/f.txt", ""), INVALID),
    ("e03_ambiguous", edit(f"{ROW}/f.txt", "one"), CONFLICT),
    ("e04_absent", edit(f"{ROW}/f.txt", "  One"), CONFLICT),
    ("e06_latin", edit(f"{ROW}/latin.txt", "t"), "unsupported"),
    ("e06_no_such_character", edit(f"{ROW}/latin.txt", "t", "€", replace_all=True), "unsupported"),
    (
        "e08_the_second_fails",
        (
            "edit_file",
            {"path": f"{ROW}/crlf.txt", "edits": [{"oldText": "a", "newText": "c"}, {"oldText": "a", "newText": "d"}]},
        ),
        CONFLICT,
    ),
    (
        "e09_dry_run",
        ("edit_file", {"path": f"{ROW}/crlf.txt", "edits": [{"oldText": "a", "newText": "c"}], "dryRun": True}),
        "ok",
    ),
    ("e10_too_large", edit(f"{ROW}/f.txt", "one", "x" * 400_000, replace_all=True), "too_large"),
    (
        "e10_too_many",
        ("edit_file", {"path": f"{ROW}/f.txt", "edits": [{"oldText": "one", "newText": "x"}] * 1001}),
        INVALID,
    ),
    ("e10_none", ("edit_file", {"path": f"{ROW}/f.txt", "edits": []}), INVALID),
    ("e11_stale", write(f"{ROW}/f.txt", overwrite=True, expected_sha256="0" * 64), CONFLICT),
    ("e10_a_million_matches", edit(f"{ROW}/many.txt", "a", "bb", replace_all=True), "too_large"),
    ("e03_hundreds_of_thousands", edit(f"{ROW}/many.txt", "a", "b"), CONFLICT),
    ("e13_too_large_to_edit", edit(f"{ROW}/huge.txt", "a"), "too_large"),
    ("e16_exists", write(f"{ROW}/f.txt"), "already_exists"),
    ("e16_move_onto_file", move(f"{ROW}/f.txt", f"{ROW}/crlf.txt"), "already_exists"),
    ("e16_move_onto_folder", move(f"{ROW}/f.txt", f"{ROW}/sub", overwrite=True), CONFLICT),
    ("e16_move_onto_link", move(f"{ROW}/f.txt", f"{ROW}/l"), "already_exists"),
    ("e16_move_onto_dangling", move(f"{ROW}/f.txt", f"{ROW}/gap"), "already_exists"),
    ("e17_into_itself", move(f"{ROW}/sub", f"{ROW}/sub/b"), CONFLICT),
    ("e17_onto_itself", move(f"{ROW}/f.txt", f"{ROW}/f.txt", overwrite=True), CONFLICT),
    ("e19_root", delete("R", recursive=True), DENIED),
    ("e19_roots", delete(".", recursive=True), DENIED),
    ("e19_root_by_dots", delete("R/row/..", recursive=True, permanent=True), DENIED),
    ("e19_not_empty", delete(f"{ROW}/sub"), CONFLICT),
    ("e21_a_folder", write(f"{ROW}/sub", overwrite=True), "not_a_file"),
    ("e21_below_a_file", write(f"{ROW}/f.txt/x", create_parents=True), "not_a_directory"),
    ("e22_huge", write(f"{ROW}/huge.txt", append=True), "too_large"),
    ("e22_offset", ("write_file", {"path": f"{ROW}/f.txt", "content": "x", "offset": -1}), INVALID),
    ("e23_no_text", ("write_file", {"path": f"{ROW}/new", "content": 5}), INVALID),
    ("e25_mode", ("write_file", {"path": f"{ROW}/new", "content": "#!/bin/sh", "mode": "0755"}), INVALID),
    ("trash_write", write("R/.filewarden-trash/x"), DENIED),
    ("e14_copy_onto", ("copy_file", {"source": f"{ROW}/f.txt", "destination": f"{ROW}/crlf.txt"}), "already_exists"),
    ("trash_list_elsewhere", ("restore_deleted", {"destination": "../OUT/new"}), INVALID),
    ("trash_restore", ("restore_deleted", {"trash_id": "../../OUT/canary.txt"}), "not_found"),
    ("draft_name", write("R/row/.filewarden-draft-" + "0" * 32), DENIED),
]


@pytest.mark.parametrize(("row", "call", "expected"), REFUSED, ids=[row for row, _, _ in REFUSED])
def test_what_is_refused_changes_nothing(
    writer: Any, writable_ground: Any, place: Path, row: str, call: tuple[str, Json], expected: str
) -> None:
    before = snapshot(writable_ground.root)
    tool, arguments = call
    assert writer.code(tool, **arguments) == expected
    assert snapshot(writable_ground.root) == before, row


@pytest.mark.parametrize("transport", ["sse"], indirect=True)
def test_what_is_refused_changes_nothing_over_the_older_transport_either(
    writer: Any, writable_ground: Any, place: Path
) -> None:
    before = snapshot(writable_ground.root)
    for row, (tool, arguments), expected in REFUSED:
        assert writer.code(tool, **arguments) == expected, row
        assert snapshot(writable_ground.root) == before, row


def test_l09_a_link_inside_is_written_through_and_deleted_alone(writer: Any, place: Path) -> None:
    (place / "inner").symlink_to("sub/g.txt")
    own(place / "inner")
    assert writer.data("write_file", path="R/row/inner", content="new", overwrite=True)["path"] == "R/row/sub/g.txt"
    assert (place / "sub" / "g.txt").read_text() == "new"
    writer.data("delete_file", path="R/row/inner")
    assert not (place / "inner").is_symlink()
    assert (place / "sub" / "g.txt").exists()


def test_l17_a_hard_link_is_not_written_through(writer: Any, writable_ground: Any, place: Path) -> None:
    """The fingerprint of what lies beside the root is compared after the row."""
    (place / "h").hardlink_to(writable_ground.hook)
    assert writer.code("write_file", path="R/row/h", content="x", overwrite=True) in ("ok", "access_denied")
    assert writable_ground.hook.read_text() == writable_ground.canary


def test_e20_a_tree_goes_and_what_its_links_lead_to_stays(writer: Any, writable_ground: Any, place: Path) -> None:
    done = writer.data("delete_file", path="R/row", recursive=True, permanent=True)
    assert done["trash_id"] is None
    assert not place.exists()
    assert writable_ground.hook.read_text() == writable_ground.canary


def test_e15_e25_new_files_are_plain(writer: Any, place: Path) -> None:
    place.chmod(0o777)
    writer.data("write_file", path="R/row/new/x.sh", content="#!/bin/sh\n", create_parents=True)
    assert (place / "new" / "x.sh").stat().st_mode & 0o7777 == 0o644
    assert (place / "new").stat().st_mode & 0o7777 == 0o755


def test_many_creators_of_one_name(writer: Any, place: Path) -> None:
    """One of twelve at the same moment wins; everybody else is told."""
    calls = [("write_file", {"path": "R/row/one", "content": str(number) * 100}) for number in range(12)]
    answers = [answer["result"] for answer in writer.many(calls)]
    winners = [number for number, answer in enumerate(answers) if not answer.get("isError")]
    assert len(winners) == 1
    assert (place / "one").read_text() == str(winners[0]) * 100
    codes = {answer["structuredContent"]["error"]["code"] for answer in answers if answer.get("isError")}
    assert codes == {"already_exists"}
