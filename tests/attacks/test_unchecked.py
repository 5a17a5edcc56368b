"""The second mode: the path check is switched off, and each of the kernel's two layers must hold alone."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

UNCHECKED = (str(Path(__file__).parent / "unchecked" / "server.py"),)
ALONE = {"namespaces": ("no-landlock",), "landlock": ("no-namespaces",), "nothing": ("--sandbox", "off")}
LAYERS = ["namespaces", "landlock"]


@pytest.fixture(scope="module")
def bare(grounds: Callable[[], Any]) -> Any:
    """A ground of their own, with links out of every kind."""
    ground = grounds()
    (ground.root / "l").symlink_to(ground.hook)
    (ground.root / "d").symlink_to("../OUT")
    (ground.root / "e").symlink_to("/etc")
    return ground


@pytest.fixture(scope="module", params=["stdio", "http"])
def start(request: pytest.FixtureRequest, launch: Callable[..., Any], bare: Any) -> Callable[[str], Any]:
    servers: dict[str, Any] = {}

    def find(layer: str) -> Any:
        if layer not in servers:
            servers[layer] = launch(request.param, bare, str(bare.root), *ALONE[layer], program=UNCHECKED)
        return servers[layer]

    return find


@pytest.fixture
def contents(bare: Any) -> list[str]:
    """Paths to what lies outside and can be read by everybody."""
    return [
        str(bare.hook),
        "../OUT/canary.txt",
        "../R-evil/canary.txt",
        "l",
        "d/canary.txt",
        "e/passwd",
        "/etc/passwd",
        "/etc/hostname",
        "../" * 30 + "etc/passwd",
        "/proc/self/environ",
        "/proc/self/maps",
        "/proc/1/status",
        "/proc/self/root/etc/passwd",
        "/proc/version",
        "/dev/zero",
        "/sys/kernel/ostype",
    ]


@pytest.mark.parametrize("layer", LAYERS)
def test_t14_one_layer_stands_and_the_other_does_not(start: Callable[[str], Any], layer: str) -> None:
    """By the workers' own measure, and by the outcome of the rows below."""
    layers = start(layer).status()["sandbox"]["layers"]
    assert {name: layers[name]["active"] for name in LAYERS} == {name: name == layer for name in LAYERS}


def test_t14_control_without_the_kernel_layers_the_switch_leaks(start: Callable[[str], Any], bare: Any) -> None:
    """Otherwise the check was never off, and the rows below prove nothing."""
    server = start("nothing")
    for path in (str(bare.hook), "../OUT/canary.txt", "l", "d/canary.txt"):
        assert server.text(path) == bare.canary, path
    assert "root:" in server.text("/etc/passwd")


@pytest.mark.parametrize("layer", LAYERS)
def test_t14_nothing_outside_is_read_by_the_kernel_alone(
    start: Callable[[str], Any], guard: Callable[..., Any], bare: Any, contents: list[str], layer: str
) -> None:
    server = guard(start(layer), bare)
    assert server.text("small.txt") == "small text\n"
    for path in contents:
        assert server.code("read_file", path=path) in ("access_denied", "not_found", "unsupported"), path
        assert server.code("read_file", path=path, head=1) in ("access_denied", "not_found", "unsupported"), path


@pytest.mark.parametrize("layer", LAYERS)
def test_t14_nothing_outside_is_listed_or_searched_by_the_kernel_alone(
    start: Callable[[str], Any], guard: Callable[..., Any], bare: Any, layer: str
) -> None:
    server = guard(start(layer), bare)
    for path in (str(bare.outside), "../OUT", "d", "e", "/etc", "/proc", "/root", str(bare.base)):
        for tool, more in {"list_directory": {}, "search_files": {"pattern": "**/*"}}.items():
            code = server.code(tool, path=path, **more)
            assert code in ("access_denied", "not_found", "not_a_directory"), (tool, path)


def test_t14_not_even_the_state_of_what_lies_outside_is_told_in_the_namespace(
    start: Callable[[str], Any], guard: Callable[..., Any], bare: Any, contents: list[str]
) -> None:
    server = guard(start("namespaces"), bare)
    for path in [*contents, "/etc", "/proc", "/root", str(bare.outside), str(bare.base), "../OUT"]:
        if path == "l":  # the link itself lies inside
            continue
        assert server.code("get_file_info", path=path) in ("access_denied", "not_found"), path


def test_t14_above_the_root_lies_an_empty_place(start: Callable[[str], Any], bare: Any) -> None:
    listing = start("namespaces").call("list_directory", path="..")
    assert bare.canary not in str(listing)
    for name in ("OUT", "etc", "proc", "home"):
        assert f'"{name}"' not in str(listing)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("start", "seconds"),
    [
        pytest.param("stdio", 2.0, id="stdio"),
        pytest.param("http", 2.0, id="http", marks=pytest.mark.slow),
        pytest.param("stdio", 30.0, id="stdio-long", marks=pytest.mark.slow),
    ],
    indirect=["start"],
)
@pytest.mark.timeout(120)
def test_t14_t01_t02_t07_races_are_lost_against_the_kernel_alone(
    start: Callable[[str], Any],
    bare: Any,
    exchanging: Callable[..., AbstractContextManager[None]],
    layer: str,
    seconds: float,
) -> None:
    """A file and a folder are swapped for links out; the same calls to a server without any layer must leak."""
    server, control = start(layer), start("nothing")
    place: Path = bare.root / f"race-{layer}-{server.kind}-{seconds:.0f}"
    (place / "d").mkdir(parents=True)
    (place / "f").write_text("harmless")
    (place / "d" / "canary.txt").write_text("harmless")
    (place / "file-link").symlink_to(bare.hook)
    (place / "folder-link").symlink_to(bare.outside)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("read_file", {"path": f"{place.name}/f"}),
        ("read_file", {"path": f"{place.name}/d/canary.txt"}),
        ("list_directory", {"path": f"{place.name}/d"}),
        ("search_files", {"path": f"{place.name}/d", "pattern": "*"}),
    ]
    tries = leaks = 0
    leaking: set[int] = set()
    with exchanging((place / "f", place / "file-link"), (place / "d", place / "folder-link")):
        begun = time.monotonic()
        is_void = True
        while (now := time.monotonic()) < begun + seconds or (is_void and now < begun + seconds + 10):
            leaks += leaked(bare, server.many(calls)).count(True)
            leaking |= {number for number, is_leak in enumerate(leaked(bare, control.many(calls))) if is_leak}
            tries += len(calls)
            is_void = len(leaking) < len(calls) or tries <= 100
    assert len(leaking) == len(calls), f"void: without the kernel only {leaking} leaked"
    assert leaks == 0
    assert tries > 100


def leaked(bare: Any, answers: list[Any]) -> list[bool]:
    return [bare.canary in str(answer) or bare.secret_name in str(answer) for answer in answers]
