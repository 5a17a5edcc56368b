"""Which folders may be served, what they are called, and how they stand to each other."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.load import Loaded
from filewarden.config.mounts import kernel_devices
from filewarden.config.root_policy import OWN_CODE, accepted_folder, doubts, home_folders, lies_in
from filewarden.config.roots import name_fault

Load = Callable[..., Loaded]
Refuse = Callable[..., str]
Unprivileged = Callable[[Callable[[], bool]], bool]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/", "is the whole file system"),
        ("/usr/..", "is the whole file system"),
        ("/proc", "lies in /proc"),
        ("/proc/self", "lies in /proc"),
        ("/proc/self/root", "is the whole file system"),
        ("/sys", "lies in /sys"),
        ("/dev", "lies in /dev"),
        ("/dev/pts", "lies in /dev"),
        ("/dev/null", "is not a folder"),
        ("/does/not/exist", "does not exist"),
        ("/etc/passwd", "is not a folder"),
        ("/etc/passwd/x", "does not exist: a part of it is no folder"),
        ("~/project", 'does not exist ("~" is replaced by the shell only'),
        ("a\0b", "must not contain a NUL character"),
        ("x" * 300, "cannot be used: "),
    ],
)
def test_folders_that_are_refused(path: str, part: str, refused: Refuse) -> None:
    assert part in refused(path)


def test_links_are_judged_by_where_they_lead(tmp_path: Path, refused: Refuse) -> None:
    for name, target in (
        ("top", "/"),
        ("kernel", "/proc"),
        ("loop", "loop"),
        ("gone", "nowhere"),
        ("file", "/etc/passwd"),
    ):
        (tmp_path / name).symlink_to(target)
    for name, part in (
        ("top", "whole file system"),
        ("kernel", "lies in /proc"),
        ("loop", "leads back to itself"),
        ("gone", "does not exist"),
        ("file", "is not a folder"),
    ):
        assert part in refused(str(tmp_path / name))


def test_a_linked_root_is_resolved_once_and_keeps_its_name(tmp_path: Path, project: Path, loaded: Load) -> None:
    (tmp_path / "link").symlink_to(project)
    root = loaded(f"{tmp_path}/link", rootless=True).settings.roots[0]
    assert (root.path, root.name) == (str(project), "link")


def test_the_spelling_of_a_root_is_kept_beside_its_real_path(
    loaded: Load, tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(project)
    (tmp_path / "other").mkdir()
    assert loaded(str(tmp_path / "link"), rootless=True).spellings == (str(tmp_path / "link"),)
    assert loaded("link", rootless=True).spellings == (str(tmp_path / "link"),)
    assert loaded("other/../link", rootless=True).spellings == ("",)
    os.symlink(os.fsencode(project), os.fsencode(tmp_path) + b"/\xff")
    assert loaded("\udcff", rootless=True).spellings == ("",)


def test_a_relative_root_becomes_absolute(project: Path, loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    root = loaded(".", rootless=True).settings.roots[0]
    assert (root.path, root.name) == (str(project), "project")


def test_a_folder_whose_name_is_not_utf8_is_refused_but_a_link_to_a_plain_one_works(
    tmp_path: Path, project: Path, loaded: Load, refused: Refuse
) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    assert "has a name that is not UTF-8" in refused(f"{tmp_path}/caf\udce9")
    os.symlink(os.fsencode(project), os.fsencode(tmp_path) + b"/\xff")
    assert loaded(f"{tmp_path}/\udcff", rootless=True).settings.roots[0].name == "\ufffd"


def test_a_folder_that_we_may_not_read_is_refused(shared_folder: Path, unprivileged: Unprivileged) -> None:
    hidden = shared_folder / "hidden"
    (hidden / "inner").mkdir(parents=True)

    def is_refused() -> bool:
        sentences = []
        for path in (hidden, hidden / "inner"):
            try:
                accepted_folder(str(path))
            except ValueError as error:
                sentences.append(str(error))
        return len(sentences) == 2 and all("permission denied for the user" in sentence for sentence in sentences)

    for mode in (0o000, 0o200):
        hidden.chmod(mode)
        assert unprivileged(is_refused)
    hidden.chmod(0o700)


def test_a_writable_root_that_we_may_not_write_is_warned_of(loaded: Load, unprivileged: Unprivileged) -> None:
    def is_warned_of() -> bool:
        return any("may not write" in text for text in loaded("/usr", "--allow-write", rootless=True).warnings)

    assert unprivileged(is_warned_of) or os.access("/usr", os.W_OK)


def test_a_kernel_file_system_is_no_root_wherever_it_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = {tmp_path.stat().st_dev: "proc"}
    monkeypatch.setattr("filewarden.config.root_policy.kernel_devices", lambda: devices)
    with pytest.raises(ValueError, match="lies on a proc file system"):
        accepted_folder(str(tmp_path))


def test_kernel_file_systems_are_known_by_their_device() -> None:
    assert kernel_devices().get(os.stat("/proc").st_dev) == "proc"
    assert os.stat("/usr").st_dev not in kernel_devices()


def test_the_mount_table_is_read_as_the_manual_says(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"36 35 98:0 /mnt1 /mnt/par\\040ent rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        b"37 35 0:21 / /elsewhere rw,relatime shared:5 master:2 - proc proc rw\n"
        b"38 35 0:300 / /caf\xe9 rw - cgroup2 none rw\n"
    )
    assert kernel_devices(str(table)) == {os.makedev(0, 21): "proc", os.makedev(0, 300): "cgroup2"}
    assert kernel_devices(str(tmp_path / "none")) == {}


def test_names_are_made_unique_around_the_given_ones(tmp_path: Path, loaded: Load) -> None:
    for parent in "abc":
        (tmp_path / parent / "project").mkdir(parents=True)
    text = (
        '[[roots]]\npath = "a/project"\n[[roots]]\npath = "b/project"\nname = "project"\n'
        '[[roots]]\npath = "c/project"\n'
    )
    names = [root.name for root in loaded(text=text, rootless=True).settings.roots]
    assert names == ["project-2", "project", "project-3"]
    words = [f"{tmp_path}/{parent}/project" for parent in "abc"]
    assert [root.name for root in loaded(*words, rootless=True).settings.roots] == ["project", "project-2", "project-3"]


def test_the_same_given_name_twice_is_refused(tmp_path: Path, refused: Refuse) -> None:
    (tmp_path / "a").mkdir()
    text = '[[roots]]\npath = "a"\nname = "x"\n[[roots]]\npath = "project"\nname = "x"\n'
    assert 'roots.1.name = "x"' in refused(text=text, rootless=True)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0b"])
def test_names_that_no_path_could_start_with(name: str) -> None:
    assert name_fault(name)


@pytest.mark.parametrize("name", ['"."', '".."', '"a/b"', '"a\\u0000b"', '""', f'"{"x" * 256}"'])
def test_such_names_are_refused_in_the_file(name: str, refused: Refuse) -> None:
    assert "roots.0.name = " in refused(text=f'[[roots]]\npath = "project"\nname = {name}\n', rootless=True)


@pytest.mark.parametrize("name", ["a", "...", "with space", "\u00e9", "-x"])
def test_other_names_are_taken(name: str, loaded: Load) -> None:
    text = f'[[roots]]\npath = "project"\nname = "{name}"\n'
    assert loaded(text=text, rootless=True).settings.roots[0].name == name


def test_the_same_folder_twice_is_refused_also_through_a_link(tmp_path: Path, project: Path, refused: Refuse) -> None:
    (tmp_path / "link").symlink_to(project)
    for again in (str(project), f"{tmp_path}/link", f"{project}/../project/"):
        assert "roots.1.path" in (text := refused(again))
        assert "is the same folder as roots.0" in text


def test_a_root_inside_another_is_warned_of(project: Path, loaded: Load) -> None:
    (project / "inner").mkdir()
    assert any("roots.1.path" in text and "lies inside roots.0" in text for text in loaded(f"{project}/inner").warnings)


def test_a_read_only_root_inside_a_writable_one_is_refused(project: Path, loaded: Load, refused: Refuse) -> None:
    (project / "inner").mkdir()
    text = '[[roots]]\npath = "project"\nmode = "{}"\n[[roots]]\npath = "project/inner"\nmode = "{}"\n'
    assert "roots.1.path" in (found := refused(text=text.format("rw", "ro"), rootless=True))
    assert "is read-only, but roots.0 around it is writable" in found
    assert len(loaded(text=text.format("ro", "rw"), rootless=True).settings.roots) == 2


def test_a_home_folder_or_its_parent_is_allowed_with_a_warning(home: Path, loaded: Load) -> None:
    assert any("is a home folder" in text for text in loaded(str(home), rootless=True).warnings)
    assert any(f"holds the home folder {home}" in text for text in loaded(str(home.parent), rootless=True).warnings)
    assert loaded().warnings == ()


def test_homes_are_those_of_root_of_people_and_our_own(tmp_path: Path) -> None:
    table = tmp_path / "passwd"
    table.write_text(
        "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/var/www:/bin/false\nbob:x:1000:1000:B:/home/bob:/bin/sh\n"
        "nobody:x:65534:65534::/nonexistent:/bin/false\nbare:x:1001:1:::\ntop:x:1002:1::/:\n+::::::\nbroken\n"
    )
    homes = home_folders("/srv/own", str(table))
    assert [os.path.realpath(home) for home in ("/srv/own", "/root", "/home/bob")] == list(homes)
    assert home_folders(None, str(tmp_path / "none")) == (os.path.realpath("/root"),)


def test_our_own_code_is_allowed_with_a_warning(project: Path) -> None:
    for path in (OWN_CODE, os.path.dirname(OWN_CODE), os.path.join(OWN_CODE, "config")):
        assert any("code of this server" in text for text in doubts(accepted_folder(path), (), {}))
    assert doubts(accepted_folder(str(project)), (), {}) == []


@pytest.mark.parametrize("variable", ["FILEWARDEN_HTTP_TOKEN_FILE", "FILEWARDEN_AUDIT_FILE", "FILEWARDEN_LOG_FILE"])
def test_our_own_files_in_a_root_are_warned_of(variable: str, project: Path, loaded: Load) -> None:
    assert any(f"{project}/own" in text for text in loaded(**{variable: f"{project}/own"}).warnings)


def test_the_configuration_file_and_state_folder_in_a_root_are_warned_of(tmp_path: Path, loaded: Load) -> None:
    warnings = loaded(str(tmp_path), text="", rootless=True).warnings
    assert any("the configuration file" in text and "the state folder" in text for text in warnings)


def test_lying_in_a_folder_is_a_matter_of_whole_names() -> None:
    assert lies_in("/a/b", "/a")
    assert lies_in("/a", "/a")
    assert lies_in("/a", "/")
    assert not lies_in("/ab", "/a")


def test_hard_links_and_mounts_are_served_unless_the_file_says_otherwise(project: Path, loaded: Load) -> None:
    text = '[[roots]]\npath = "project"\n{}'
    root = loaded(text=text.format(""), rootless=True).settings.roots[0]
    assert (root.links, root.one_filesystem) == ("allow", False)
    found = loaded(text=text.format('links = "refuse"\none_filesystem = true\n'), rootless=True)
    assert (found.settings.roots[0].links, found.settings.roots[0].one_filesystem) == ("refuse", True)
    assert found.origins["roots.0.links"].endswith("settings.toml")
    found = loaded(text=text.format('links = "allow"\none_filesystem = false\n'), rootless=True)
    assert (found.settings.roots[0].links, found.settings.roots[0].one_filesystem) == ("allow", False)


@pytest.mark.parametrize("line", ['links = "deny"', "links = true", 'one_filesystem = "yes"', "one_filesystem = 1"])
def test_other_words_for_links_and_mounts_are_refused(project: Path, line: str, refused: Refuse) -> None:
    key = line.partition(" ")[0]
    assert f"roots.0.{key}" in refused(text=f'[[roots]]\npath = "project"\n{line}\n', rootless=True)


def test_a_root_that_keeps_to_one_file_system_is_not_undone_by_one_around_it(
    project: Path, loaded: Load, refused: Refuse
) -> None:
    (project / "inner").mkdir()
    text = '[[roots]]\npath = "project"\none_filesystem = {}\n[[roots]]\npath = "project/inner"\none_filesystem = {}\n'
    found = refused(text=text.format("false", "true"), rootless=True)
    assert "roots.1.path" in found
    assert "keeps to one file system, but roots.0 around it does not" in found
    for outer, inner in (("true", "true"), ("true", "false")):
        assert len(loaded(text=text.format(outer, inner), rootless=True).settings.roots) == 2
