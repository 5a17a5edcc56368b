import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from tests.drivers.busy import BUSY_S

DENIED, INVALID, NOT_FOUND = Code.ACCESS_DENIED, Code.INVALID_ARGUMENT, Code.NOT_FOUND


def text(handle: Handle) -> str:
    with handle:
        return os.read(handle.fd, 100).decode()


def refusal(attempt: Callable[[], Handle]) -> ToolFailure:
    with pytest.raises(ToolFailure) as refused, attempt():
        pass
    refused.value.message.encode()
    assert len(refused.value.message) < 500
    return refused.value


def code(space: Space, path: str) -> Code:
    codes = {refusal(lambda: space.resolve(path)).code, refusal(lambda: space.open_file(path)).code}
    assert len(codes) == 1
    return codes.pop()


OUTSIDE = {
    "P01": "{root}/../OUT/canary.txt",
    "P02 relative": "../OUT/canary.txt",
    "P02 behind a folder": "sub/../../OUT/canary.txt",
    "P03": "dir1/../../OUT/pwned.txt",
    "P04": "a.txt/../../OUT/canary.txt",
    "P05": "../" * 100 + "etc/passwd",
    "P06": "/etc/passwd",
    "P06 top": "/",
    "P06 key": "/root/.ssh/id_rsa",
    "P07": "{root}-evil/canary.txt",
    "P07 relative": "../R-evil/canary.txt",
    "P08 space": "{root} /canary.txt",
    "P08 dot": "{root}./canary.txt",
    "P08 tab": "/\t{root}",
    "P11": "{root}/..",
    "P11 relative": "..",
    "P14": "//etc/passwd",
    "W01": "\\\\host\\share\\x",
    "W01 device": "\\\\?\\C:\\x",
    "W07": "\\\\wsl$\\x",
    "L13 self": "/proc/self/root/etc/passwd",
    "L13 fd": "/dev/fd/0",
}


@pytest.mark.parametrize("row", OUTSIDE)
def test_paths_that_lead_out_are_denied(space: Space, root: Path, row: str) -> None:
    assert code(space, OUTSIDE[row].format(root=root)) is DENIED


def test_p09_the_case_of_the_root_matters(space: Space, root: Path) -> None:
    assert code(space, f"{root.parent}/r/canary.txt") is DENIED


LITERAL = {
    "P08 trailing space": "a.txt ",
    "P08 no-break space": "sub\u00a0",
    "P15": "..\\..\\OUT\\canary.txt",
    "P16": "~/.ssh/id_rsa",
    "P16 root": "~root/x",
    "P17": "$HOME/x",
    "P17 percent": "%USERPROFILE%",
    "P18": "`id`",
    "P18 substitution": "$(id)",
    "P19": "file:///etc/passwd",
    "P20": "%2e%2e%2fOUT%2fcanary.txt",
    "P20 twice": "%252e%252e%252f",
    "P22": "\uff0e\uff0e\uff0fOUT",
    "W02": "a.txt::$DATA",
    "W04": "CON",
    "W05": "a.txt.",
    "P37": ".ENV",
}


@pytest.mark.parametrize("row", LITERAL)
def test_odd_spellings_are_plain_names_that_do_not_exist(space: Space, row: str) -> None:
    assert code(space, LITERAL[row]) is NOT_FOUND


IMPOSSIBLE = {
    "P23": "a.txt\0.png",
    "P23 alone": "\0",
    "P24": "",
    "P24 blank": " ",
    "P26": "x" * 256,
    "P27": "a/" * 2048,
    "P27 huge": "a" * 1_000_000,
    "P28": "\ud800",
    "P36": "\\x2e\\x2e/OUT",
    "P36 slash": "..\\x2fOUT",
    "P36 letter": "\\x61.txt",
}


@pytest.mark.parametrize("row", IMPOSSIBLE)
def test_impossible_paths_are_invalid(space: Space, row: str) -> None:
    assert code(space, IMPOSSIBLE[row]) is INVALID


def test_p27_a_long_path_is_refused_in_constant_time(space: Space) -> None:
    begun = time.process_time()
    assert code(space, "a/" * 5_000_000) is INVALID
    assert time.process_time() - begun < 0.2


@pytest.mark.parametrize("spelling", ["{root}", "{root}/", "{root}/.", "{root}//", ".", "./", "sub/..", "sub/../."])
def test_p10_the_root_itself_has_many_spellings(space: Space, root: Path, spelling: str) -> None:
    with space.open_directory(spelling.format(root=root)) as handle:
        assert (handle.names, handle.path) == ((), ".")


@pytest.mark.parametrize(
    "spelling",
    ["{root}//sub///b.py", "{root}/./sub/./b.py", "sub/b.py", "sub//b.py", "sub/deep/../b.py", "//{root}/sub/b.py"],
)
def test_p12_doubled_and_mixed_separators_name_the_same_file(space: Space, root: Path, spelling: str) -> None:
    handle = space.open_file(spelling.format(root=root))
    assert handle.path == "sub/b.py"
    assert text(handle) == "b = 1\n"


@pytest.mark.parametrize("path", ["a.txt/", "a.txt/.", "a.txt/x", "a.txt/../a.txt"])
def test_p13_a_file_is_no_folder(space: Space, path: str) -> None:
    assert code(space, path) is Code.NOT_A_DIRECTORY


def test_p26_the_longest_name_works(space: Space, root: Path) -> None:
    (root / ("x" * 255)).write_text("long")
    assert text(space.open_file("x" * 255)) == "long"


@pytest.mark.parametrize(
    "name", ["`id`", "$(id)", ";id", "|id", "&", "*", "{a,b}", "~", "$HOME", "%2e", "a\\b", "--pre=x"]
)
def test_p16_p17_p18_p20_files_with_odd_names_can_be_read(space: Space, root: Path, name: str) -> None:
    (root / name).write_text("odd")
    assert text(space.open_file(name)) == "odd"


@pytest.mark.parametrize(
    "name", [b"a\n[FILE] forged.txt", b"caf\xe9", b"\xff\xfe", "e\u0301\u202e".encode(), b"a\\x41"]
)
def test_p29_p35_the_shown_form_of_a_name_reads_its_file(space: Space, root: Path, name: bytes) -> None:
    with open(os.fsencode(root) + b"/" + name, "w", encoding="ascii") as file:
        file.write("odd")
    with space.open_directory(".") as folder:
        shown = space.display(folder.root, (name,))
    handle = space.open_file(shown)
    assert handle.path == shown
    assert text(handle) == "odd"


def test_p33_only_the_exact_bytes_of_a_name_count(space: Space, root: Path) -> None:
    (root / "caf\u00e9").write_text("composed")
    assert code(space, "cafe\u0301") is NOT_FOUND


OUTWARD_LINKS = {
    "L01": ("l", "{out}/canary.txt", "l"),
    "L02": ("l", "../OUT/canary.txt", "l"),
    "L03": ("d", "{out}", "d/canary.txt"),
    "L03 the link": ("d", "../OUT", "d"),
    "L03 absent": ("d", "{out}", "d/none"),
    "L05": ("s", "s", "s"),
    "L13": ("l", "/proc/self/root{out}/canary.txt", "l"),
    "L13 cwd": ("l", "/proc/self/cwd", "l"),
    "L13 fd": ("l", "/dev/fd/0", "l"),
    "L14": ("l", "/proc/self/environ", "l"),
    "L14 mem": ("l", "/proc/self/mem", "l"),
    "L23": ("l", "/dev/zero", "l"),
    "P07": ("l", "{root}-evil/canary.txt", "l"),
    "absolute, then up": ("l", "{root}/../OUT/canary.txt", "l"),
}


@pytest.mark.parametrize("row", OUTWARD_LINKS)
def test_links_that_lead_out_are_denied(space: Space, root: Path, row: str) -> None:
    name, target, path = OUTWARD_LINKS[row]
    (root / name).symlink_to(target.format(root=root, out=root.parent / "OUT"))
    assert code(space, path) is DENIED


def test_o20_a_refusal_does_not_tell_whether_the_target_exists(space: Space, root: Path) -> None:
    (root / "one").symlink_to("../OUT/canary.txt")
    (root / "two").symlink_to("../OUT/nothing")
    one, two = refusal(lambda: space.resolve("one")), refusal(lambda: space.resolve("two"))
    assert one.message == two.message.replace("two", "one")
    here, gone = (
        refusal(lambda: space.resolve("../OUT/canary.txt")),
        refusal(lambda: space.resolve("../OUT/canary.tx_")),
    )
    assert here.message == gone.message.replace("canary.tx_", "canary.txt")


@pytest.mark.parametrize(
    ("target", "path", "real"),
    [
        ("a.txt", "l", "a.txt"),
        ("sub", "l/b.py", "sub/b.py"),
        ("sub/deep/..", "l/b.py", "sub/b.py"),
        ("sub", "l/../a.txt", "a.txt"),
        ("{root}/sub", "l/b.py", "sub/b.py"),
        ("{root}", "l/a.txt", "a.txt"),
        ("../R/a.txt", "sub/deep/../../a.txt", "a.txt"),
        (".", "l/l/l/a.txt", "a.txt"),
    ],
)
def test_l09_links_that_stay_inside_work(space: Space, root: Path, target: str, path: str, real: str) -> None:
    (root / "l").symlink_to(target.format(root=root))
    handle = space.open_file(path)
    assert handle.path == real
    assert text(handle) == (root / real).read_text()


def test_a_link_out_and_back_in_is_denied(space: Space, root: Path) -> None:
    (root / "l").symlink_to("../R/a.txt")
    assert code(space, "l") is DENIED


def test_l12_a_root_that_is_a_link_stays_the_folder_it_was(open_space: Callable[..., Space], root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    space = open_space(open_root("link", str(link)))
    link.unlink()
    link.symlink_to(root.parent / "OUT")
    assert text(space.open_file("a.txt")) == "alpha\n"
    assert text(space.open_file(f"{link}/a.txt")) == "alpha\n"
    assert text(space.open_file(f"{root}/a.txt")) == "alpha\n"
    assert code(space, "canary.txt") is NOT_FOUND


@pytest.mark.parametrize("path", ["p", "to_p"])
def test_l19_a_pipe_is_refused_at_once(space: Space, root: Path, path: str) -> None:
    os.mkfifo(root / "p")
    (root / "to_p").symlink_to("p")
    begun = time.perf_counter()
    refused = refusal(lambda: space.open_file(path))
    assert time.perf_counter() - begun < 0.1 + BUSY_S
    assert refused.code is Code.UNSUPPORTED
    assert "named pipe" in refused.message
    with space.resolve(path) as handle:
        assert handle.kind == "pipe"


def test_l22_a_socket_is_refused(space: Space, root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        # The path of a socket is short; the folder's is not.
        folder = os.open(root, os.O_PATH)
        listener.bind(f"/proc/self/fd/{folder}/s")
        os.close(folder)
        listener.listen()
        listener.setblocking(False)
        assert refusal(lambda: space.open_file("s")).code is Code.UNSUPPORTED
        with pytest.raises(BlockingIOError):
            listener.accept()
    with space.resolve("s") as handle:
        assert handle.kind == "socket"


def test_l28_what_may_not_be_read_is_denied_and_the_rest_goes_on(space: Space, root: Path) -> None:
    (root / "a.txt").chmod(0)
    (root / "sub").chmod(0)
    try:
        if os.geteuid() != 0:
            assert refusal(lambda: space.open_file("a.txt")).code is DENIED
            assert code(space, "sub/b.py") is DENIED
        with space.open_directory(".") as handle:
            assert "sub" in os.listdir(handle.fd)
    finally:
        (root / "sub").chmod(0o700)


def test_a_folder_is_no_file_and_a_file_no_folder(space: Space) -> None:
    assert refusal(lambda: space.open_file("sub")).code is Code.NOT_A_FILE
    assert refusal(lambda: space.open_directory("a.txt")).code is Code.NOT_A_DIRECTORY


@pytest.mark.parametrize("path", ["sub/../..", "a/b/c/../../../..", "./../R/a.txt"])
def test_climbing_by_text_alone_is_denied_even_where_nothing_exists(space: Space, path: str) -> None:
    assert code(space, path) is DENIED


def test_the_parent_of_a_path_comes_with_its_last_name(space: Space, root: Path) -> None:
    (root / "l").symlink_to("sub")
    for path, folder, name in (
        ("a.txt", ".", b"a.txt"),
        ("l/b.py", "sub", b"b.py"),
        ("l", ".", b"l"),
        ("l/", ".", b"sub"),
        ("sub/deep/..", ".", b"sub"),
        ("sub/new", "sub", b"new"),
    ):
        found = space.open_above(path)
        assert found is not None
        with found[0]:
            assert (found[0].path, found[1]) == (folder, name)
    assert space.open_above(".") is None
    assert space.open_above("sub/..") is None


@pytest.mark.parametrize("path", [".", "{root}", "{root}/", "{root}/.", "./", "sub/..", "sub/../.", ".."])
def test_p10_p11_a_root_itself_has_no_parent_to_change_it_in(space: Space, root: Path, path: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        space.open_parent(path.format(root=root))
    assert refused.value.code is DENIED


@pytest.mark.parametrize("path", ["sub/", "sub/.", "sub/deep/..", "new/", "new/.", "a.txt/", "sub//", "sub/deep/../."])
def test_what_is_to_be_changed_has_a_name_of_its_own(space: Space, path: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        space.open_parent(path)
    assert refused.value.code is INVALID


def test_what_is_to_be_changed_comes_as_its_folder_and_one_name(space: Space, root: Path) -> None:
    (root / "l").symlink_to("sub")
    (root / "out").symlink_to("../OUT/canary.txt")
    for path, folder, name in (
        ("a.txt", ".", b"a.txt"),
        ("l/new", "sub", b"new"),
        ("sub/../new", ".", b"new"),
        ("{root}/sub/b.py", "sub", b"b.py"),
        ("out", ".", b"out"),
        ("l", ".", b"l"),
    ):
        handle, last, state = space.open_parent(path.format(root=root))
        with handle:
            assert (handle.path, last, handle.kind) == (folder, name, "directory")
            assert (state is None) == (name == b"new")
    for path in ("out/x", "../OUT/new", "none/new", "a.txt/new"):
        with pytest.raises(ToolFailure):
            space.open_parent(path)


def test_c08_c10_closed_names_are_not_to_be_changed(open_space: Callable[..., Space], root: Path) -> None:
    (root / "hard").hardlink_to(root / "a.txt")
    (root / "token").touch()
    (root / "way").symlink_to("sub")
    state = (root / "token").stat()
    rules = open_root("R", str(root), deny=(".env", "secrets/**", "sub/kept"), refuses_hard_links=True)
    space = open_space(rules, denied=frozenset({(state.st_dev, state.st_ino)}))
    for path in (".env", "sub/.env", "secrets", "secrets/new", "hard", "a.txt", "token", "sub/../.env", "way/kept"):
        with pytest.raises(ToolFailure) as refused:
            space.open_parent(path)
        assert refused.value.code is DENIED


def test_l12_a_root_is_known_by_its_own_path_and_by_the_operator_s_spelling(
    open_space: Callable[..., Space], root: Path
) -> None:
    spelling = f"{root.parent}/./way//link"
    space = open_space(open_root("root", str(root), spelling=spelling))
    assert space.roots[0].location == os.fsencode(os.path.realpath(root))
    for path in (f"{root}/a.txt", f"{spelling}/a.txt", f"{root.parent}/way/link/a.txt"):
        assert text(space.open_file(path)) == "alpha\n"
    (root / "to_a").symlink_to(f"{root.parent}/way/link/a.txt")
    assert text(space.open_file("to_a")) == "alpha\n"
    for path in (f"{root.parent}/way/a.txt", f"{root.parent}/way/link/../a.txt", f"{root.parent}/way/linked/a.txt"):
        assert code(space, path) is DENIED


def test_a_closed_folder_closes_what_is_in_it_and_nothing_beside_it(
    root: Path, open_space: Callable[..., Space]
) -> None:
    (root / "own" / "deep").mkdir(parents=True)
    (root / "own" / "deep" / "key").touch()
    (root / "way").symlink_to("own/deep")
    state = (root / "own").stat()
    space = open_space(denied=frozenset({(state.st_dev, state.st_ino)}))
    for path in ("own", "own/deep", "own/deep/key", "own/deep/absent", "way/key", "way/absent"):
        assert code(space, path) is DENIED
        assert space.open_plain(path) is None
    assert code(space, "sub/absent") is NOT_FOUND
    assert text(space.open_file("sub/b.py"))


def test_a_closed_root_closes_all_that_is_in_it(root: Path, open_space: Callable[..., Space]) -> None:
    state = root.stat()
    space = open_space(denied=frozenset({(state.st_dev, state.st_ino)}))
    for path in (".", "a.txt", "sub", "absent"):
        assert code(space, path) is DENIED
