"""The second mode: the path check is switched off, and the kernel's layers must hold alone."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

UNCHECKED = (str(Path(__file__).parent / "unchecked" / "server.py"),)
ALONE = {"namespaces": (), "landlock": ("no-namespaces",), "nothing": ("--sandbox", "off")}


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


def test_t14_control_without_the_kernel_layers_the_switch_leaks(start: Callable[[str], Any], bare: Any) -> None:
    """Otherwise the check was never off, and the rows below prove nothing."""
    server = start("nothing")
    for path in (str(bare.hook), "../OUT/canary.txt", "l", "d/canary.txt"):
        assert server.text(path) == bare.canary, path
    assert "root:" in server.text("/etc/passwd")


@pytest.mark.parametrize("layer", ["namespaces", "landlock"])
def test_t14_nothing_outside_is_read_by_the_kernel_alone(
    start: Callable[[str], Any], guard: Callable[..., Any], bare: Any, contents: list[str], layer: str
) -> None:
    server = guard(start(layer), bare)
    assert server.text("small.txt") == "small text\n"
    for path in contents:
        assert server.code("read_file", path=path) in ("access_denied", "not_found", "unsupported"), path
        assert server.code("read_file", path=path, head=1) in ("access_denied", "not_found", "unsupported"), path


@pytest.mark.parametrize("layer", ["namespaces", "landlock"])
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


@pytest.fixture
def flipping(bare: Any) -> Iterator[Path]:
    """A name that another process swaps between a file and a link out."""
    path = bare.root / "f"
    child = os.fork()
    if child == 0:
        while os.getppid() != 1:
            (bare.root / "new").write_text("harmless")
            os.replace(bare.root / "new", path)
            (bare.root / "new").symlink_to("../OUT/canary.txt")
            os.replace(bare.root / "new", path)
        os._exit(0)
    yield path
    os.kill(child, 9)
    os.waitpid(child, 0)
    path.unlink(missing_ok=True)
    (bare.root / "new").unlink(missing_ok=True)


@pytest.mark.parametrize("layer", ["namespaces", "landlock"])
@pytest.mark.parametrize("start", ["stdio", pytest.param("http", marks=pytest.mark.slow)], indirect=True)
@pytest.mark.parametrize(
    "seconds", [pytest.param(2.0, id="short"), pytest.param(8.0, id="long", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(120)
def test_t14_a_race_is_lost_against_the_kernel_alone(
    start: Callable[[str], Any], bare: Any, flipping: Path, layer: str, seconds: float
) -> None:
    server, control = start(layer), start("nothing")
    tries = leaks = leaks_of_control = 0
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        leaks += bare.canary in str(server.call("read_file", path=flipping.name))
        leaks_of_control += bare.canary in str(control.call("read_file", path=flipping.name))
        tries += 1
    assert leaks_of_control, "void: without the kernel nothing leaked either"
    assert leaks == 0
    assert tries > 100
