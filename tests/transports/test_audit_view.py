"""`filewarden audit verify`: what it says, and its exit status."""

import json
import os
import sys
from pathlib import Path

import pytest

from filewarden.transports.cli import main
from filewarden.workers.audit.chain import digest_of, first_position


def audit(arguments: list[str]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["filewarden", "audit", *arguments])
        return main()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A log of two files, of three and two lines."""
    position = first_position()
    older, newer = tmp_path / "audit.jsonl.1", tmp_path / "audit.jsonl"
    older.write_bytes(
        position.add(b'{"event":"begin"}') + position.add(b'{"call":1}') + position.add(b'{"event":"end"}')
    )
    newer.write_bytes(position.add(b'{"event":"continue"}') + position.add(b'{"call":2}'))
    return [str(older), str(newer)]


def test_a_whole_log(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(["verify", *files]) == 0
    last = digest_of(Path(files[1]).read_bytes().splitlines()[-1])
    assert capsys.readouterr().out.startswith("5 lines are as they were written")
    assert audit(["verify", *files, "--last", last.upper(), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "ok": True,
        "lines": 5,
        "last": last,
        "fault": None,
        "open_servers": [],
        "lost": 0,
        "breaches": 0,
    }


def test_the_first_broken_line_is_named_with_its_file(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    newer = Path(files[1])
    newer.write_bytes(newer.read_bytes().replace(b'"event":"continue"', b'"event":"continua"'))
    assert audit(["verify", *files]) == 1
    assert capsys.readouterr().out.startswith(f"{newer}, line 1: it was changed, or other lines were put behind it.")
    assert audit(["verify", "--json", *files]) == 1
    fault = json.loads(capsys.readouterr().out)["fault"]
    assert fault == {"file": str(newer), "line": 1, "problem": "it was changed, or other lines were put behind it"}


@pytest.mark.parametrize("order", [[1, 0], [0, 0], [0]])
def test_files_in_the_wrong_order_and_missing_ends(order: list[int], files: list[str]) -> None:
    last = digest_of(Path(files[1]).read_bytes().splitlines()[-1])
    assert audit(["verify", *(files[number] for number in order), "--last", last]) == 1


def test_an_empty_file_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert audit(["verify", str(tmp_path / "empty")]) == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["verify"], ["show", "x"], ["verify", "x", "--last"], ["verify", "x", "--last", "12"], ["--x", "y"]],
)
def test_bad_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(arguments) == 2
    assert "usage: filewarden audit verify FILE" in capsys.readouterr().err


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("missing", "No such file"), ("pipe", "no regular file"), (".", "no regular file")):
        assert audit(["verify", str(tmp_path / name)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"{tmp_path / name}: cannot be read: ")
        assert reason in said


def test_the_command_explains_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["filewarden", "audit", "--help"])
    assert main() == 0
    assert "--last HASH" in capsys.readouterr().out
