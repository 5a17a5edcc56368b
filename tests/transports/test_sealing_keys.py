import base64
import os
from pathlib import Path

import pytest

from filewarden.config.errors import ConfigError
from filewarden.transports.sealing_keys import LARGEST_FILE, MOST_KEYS, read_sealing_keys

NEW, OLD = (base64.b64encode(byte * 32) for byte in (b"n", b"o"))


def written(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "sealing-keys"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def refusal(path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_sealing_keys(path)
    [problem] = caught.value.problems
    assert problem.key == "http.sealing_keys_file"
    assert NEW.decode() not in problem.sentence
    return problem.sentence


def test_the_first_key_comes_first(tmp_path: Path) -> None:
    path = written(tmp_path, b"# of this month\n" + NEW + b"  # seals\n\n" + OLD + b"\r\n")
    assert read_sealing_keys(path) == (b"n" * 32, b"o" * 32)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "must have 1 to"),
        (b"# nothing\n", "must have 1 to"),
        ((NEW + b"\n") * (MOST_KEYS + 1), "must have 1 to"),
        (NEW + b"\n" + b"#" * LARGEST_FILE, "must have 1 to"),
        (base64.b64encode(b"x" * 31), "no base64 of at least 32 bytes"),
        (b"secret", "no base64 of at least 32 bytes"),
        (NEW + b"\n\xff\xff", "no base64 of at least 32 bytes"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in refusal(written(tmp_path, content))


def test_the_file_must_be_private_and_a_file(tmp_path: Path) -> None:
    assert "can be read by others (mode 0640)" in refusal(written(tmp_path, NEW, 0o640))
    path = written(tmp_path, NEW)
    os.symlink(path, tmp_path / "link")
    assert "cannot be read" in refusal(str(tmp_path / "link"))
    assert "no regular file" in refusal(str(tmp_path))
    assert "cannot be read" in refusal(str(tmp_path / "missing"))
