"""The file: what is refused, and that nothing of a wrong file is repeated."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.load import Loaded, load

Load = Callable[..., Loaded]
Refuse = Callable[..., str]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[pool]\nworkers = ", "at line 2"),
        (b"[[roots]]\npath = /srv/data\n", 'Invalid value (text stands in quotes, as in path = "/srv/data";'),
        (b"[pool]\nspares = 1\nspares = 2\n", "at line 3"),
        (b"[pool]\n[pool]\n", "at line 2"),
        (b"root:secret-hash:0:0::/root:/bin/sh\n", "at line 1"),
        (b"\xef\xbb\xbf[pool]\n", "byte order mark"),
        (b"[pool]\n\xff\xfe\n", "is not UTF-8 text (line 2)"),
        (b"a = \x00", "is no valid TOML"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "is no valid TOML"),
        (b"#" * 1_048_577, "is larger than 1048576 bytes"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(content: bytes, part: str, tmp_path: Path, project: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(Exception, match=r"config error: 1 problem\n  --config") as caught:
        load([str(project), "--config", str(file)], {"HOME": str(tmp_path)})
    text = str(caught.value)
    assert part in text
    assert str(file) in text
    assert "secret-hash" not in text
    assert len(text) < 400


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path, refused: Refuse) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        assert "regular file" in refused("--config", str(path))


def test_a_named_file_must_exist(refused: Refuse, tmp_path: Path) -> None:
    assert f"--config ({tmp_path}/none.toml): does not exist" in refused("--config", f"{tmp_path}/none.toml")
    assert "NUL" in refused("--config", "a\0b")


def test_an_unreadable_file_is_refused_and_one_out_of_reach_warned_of(
    shared_folder: Path, unprivileged: Callable[[Callable[[], bool]], bool]
) -> None:
    file = shared_folder / ".config" / "filewarden" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[pool]\nspares = 2\n")
    environ = {"HOME": str(shared_folder)}

    def is_refused() -> bool:
        try:
            load(["/usr"], environ)
        except Exception as error:
            return "configuration file" in str(error) and "cannot be read: Permission denied" in str(error)
        return False

    def is_warned_of() -> bool:
        found = load(["/usr"], environ)
        return found.file is None and any("cannot be looked for" in warning for warning in found.warnings)

    file.chmod(0)
    assert unprivileged(is_refused)
    file.parent.chmod(0)
    try:
        assert unprivileged(is_warned_of)
    finally:
        file.parent.chmod(0o700)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[http]\nhots = 1", 'http.hots ({file}): unknown key; did you mean "host"?'),
        ("[htpt]\nport = 1", 'htpt ({file}): unknown section; did you mean "http"?'),
        ("[[root]]\npath = '/'", 'root ({file}): unknown section; did you mean "roots"?'),
        ("[zzz]\nport = 1", "zzz ({file}): unknown section; `filewarden config init` prints all"),
        ("[http]\nzzz = 1", "http.zzz ({file}): unknown key; `filewarden config init` prints all"),
        ("port = 1", "port ({file}): stands in no section; did you mean port in [http]?"),
        ("wokers = 1", "wokers ({file}): stands in no section; did you mean workers in [pool]?"),
        ("max_file_bytes = 1", "did you mean max_file_bytes in [limits] or [writes]?"),
        ("zzz = 1", "zzz ({file}): stands in no section; `filewarden config init` prints all"),
        ("pool = 1", "pool ({file}): must be a table: write [pool]"),
        ("[[pool]]\nworkers = 1", "pool ({file}): must be a table"),
        ("[roots]\npath = '/'", "roots ({file}): must be a list of tables: write [[roots]]"),
        ("roots = ['/']", "roots ({file}): must be a list of tables"),
        ("[[roots]]", "roots.0.path ({file}): is missing"),
        ("[[roots]]\npaht = 'x'", 'roots.0.paht ({file}): unknown key; did you mean "path"?'),
        ("[[roots]]\npath = ''", 'roots.0.path = "" ({file}): must not be empty'),
        ("[[roots]]\npath = 'project'\nname = ''", 'roots.0.name = "" ({file}): must not be empty'),
        ("[[roots]]\npath = 'project'\nmode = 'r'", 'roots.0.mode = "r" ({file}): must be one of "ro", "rw"'),
        ("[[roots]]\npath = 'project'\ndeny = 'x'", 'roots.0.deny = "x" ({file}): must be a list of strings'),
        ("[[roots]]\npath = 'project'\ndeny = ['x', '']", "({file}): entry 2 must not be empty"),
        ("[[roots]]\n[[roots]]\npath = 'none'", "roots.1.path = {folder}/none ({file}): does not exist"),
        ("[deadlines]\ntool = {'a b' = 1}", "must have tool names for keys"),
        ("[deadlines.tool]\nread_file = 0", "read_file must be above 0"),
        ("'\\u001b[2J' = 1", "stands in no section"),
    ],
)
def test_what_the_file_says_wrongly(text: str, part: str, refused: Refuse, tmp_path: Path) -> None:
    found = refused(text=text.replace("'\\u001b", '"\\u001b').replace("[2J'", '[2J"'), rootless=True)
    assert part.format(file=tmp_path / "settings.toml", folder=tmp_path) in found
    assert "\x1b" not in found


def test_relative_paths_start_at_the_files_folder_and_a_tilde_is_home(
    loaded: Load, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "own").mkdir()
    monkeypatch.chdir("/")
    text = '[[roots]]\npath = "project"\n[[roots]]\npath = "~/own"\n[audit]\nfile = "audit.log"\n[log]\nfile = "~/l"\n'
    found = loaded(text=text, rootless=True).settings
    assert [root.path for root in found.roots] == [f"{tmp_path}/project", f"{home}/own"]
    assert (found.audit.file, found.log.file) == (f"{tmp_path}/audit.log", f"{home}/l")


def test_a_root_has_all_its_settings(loaded: Load) -> None:
    text = '[[roots]]\npath = "project"\nname = "src"\nmode = "rw"\ndeny = [".env", "secrets/**"]\n'
    found = loaded(text=text, rootless=True)
    root = found.settings.roots[0]
    assert (root.name, root.mode, root.deny) == ("src", "rw", (".env", "secrets/**"))
    assert {found.origins[f"roots.0.{name}"] for name in ("path", "name", "mode", "deny")} == {found.file}
