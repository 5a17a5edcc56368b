"""A small package whose modules come from a cache, in processes of their own."""

import compileall
import marshal
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filewarden.config import startup_cache

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from own.startup_cache import StartupCache
cache = StartupCache("kind")
cache.open()
import own.first, own.inner.second, own.told
cache.close()
assert cache not in sys.meta_path
for module in (own.first, own.inner.second, own.told):
    came_from = "cache" if type(module.__loader__).__module__ == "own.startup_cache" else "file"
    assert module.__spec__.has_location and module.__file__ == module.__spec__.origin, module.__spec__
    assert module.__spec__.parent == module.__package__ and module.__spec__.cached == module.__cached__
    print(module.__name__, came_from, module.VALUE)
assert own.inner.__path__ == [own.inner.__file__.removesuffix("/__init__.py")]
import importlib
assert importlib.reload(own.first).VALUE == own.first.VALUE
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    own = tmp_path / "here" / "own"
    (own / "inner").mkdir(parents=True)
    shutil.copy(startup_cache.__file__, own)
    for name, text in {
        "__init__.py": "",
        "first.py": "VALUE = 1\n",
        "inner/__init__.py": "",
        "inner/second.py": "from own.first import VALUE as before\nVALUE = before + 1\n",
        "told.py": "from own.first import __doc__ as VALUE\n",
    }.items():
        (own / name).write_text(text)
    return own.parent


def run(place: Path, *options: str, program: str = PROGRAM, more: dict[str, str] | None = None) -> list[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, *options, "-c", program, str(place)],
        capture_output=True,
        text=True,
        env={**environ, **(more or {})},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def cache_of(place: Path) -> Path:
    return place / "own" / "__pycache__" / f"kind.{sys.implementation.cache_tag}.pyc"


def told(first: str, second: str, value: int = 1, last: str | None = None) -> list[str]:
    return [f"own.first {first} {value}", f"own.inner.second {second} {value + 1}", f"own.told {last or first} None"]


def test_the_first_start_writes_it_and_the_next_ones_read_it(place: Path) -> None:
    assert run(place) == told("file", "file")
    written = cache_of(place).stat()
    assert run(place) == run(place) == told("cache", "cache")
    now = cache_of(place).stat()
    assert (now.st_ino, now.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert now.st_mode & 0o022 == 0
    assert [path.name for path in cache_of(place).parent.glob("kind*")] == [cache_of(place).name]


def test_a_source_that_has_changed_is_imported_and_the_file_is_written_anew(place: Path) -> None:
    run(place)
    (place / "own" / "first.py").write_text("VALUE = 1 + 40\n")
    assert run(place) == told("file", "cache", 41, last="cache")
    assert run(place) == told("cache", "cache", 41)
    state = (place / "own" / "first.py").stat()
    (place / "own" / "first.py").write_text("VALUE = 2 + 40\n")  # as long as before
    os.utime(place / "own" / "first.py", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    # Python looks at whole seconds only, and takes what it has kept.
    assert run(place) == told("file", "cache", 41, last="cache")


def test_a_source_that_is_gone_is_not_found(place: Path) -> None:
    run(place)
    (place / "own" / "told.py").unlink()
    environ = {"PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(place)],
        capture_output=True,
        text=True,
        env=environ,
        timeout=60,
        check=False,
    )
    assert "No module named 'own.told'" in done.stderr


def test_nothing_is_written_where_python_writes_nothing(place: Path) -> None:
    assert run(place, "-B") == told("file", "file")
    assert not cache_of(place).exists()
    run(place)
    (place / "own" / "first.py").write_text("VALUE = 1 + 6\n")
    before = cache_of(place).read_bytes()
    assert run(place, "-B") == told("file", "cache", 7, last="cache")
    assert cache_of(place).read_bytes() == before


def test_a_folder_that_may_not_be_written_costs_nothing(place: Path) -> None:
    run(place)
    cache_of(place).unlink()
    cache_of(place).mkdir()  # which nothing can take the place of, not even for root
    assert run(place) == run(place) == told("file", "file")
    assert [path.name for path in cache_of(place).parent.glob("kind*")] == [cache_of(place).name]


def test_a_copy_of_an_installation_is_not_led_back_to_where_it_came_from(place: Path, tmp_path: Path) -> None:
    run(place)
    there = tmp_path / "there"
    shutil.copytree(place, there)
    (there / "own" / "first.py").write_text("VALUE = 1 + 4\n")
    assert run(there) == told("file", "file", 5)
    assert run(there) == told("cache", "cache", 5)
    assert run(place) == told("cache", "cache")


def test_another_optimisation_has_another_file(place: Path) -> None:
    run(place)
    assert run(place, "-O") == told("file", "file")
    assert run(place) == run(place, "-O") == told("cache", "cache")


def test_what_python_keeps_in_its_place_is_as_good_as_none(place: Path) -> None:
    """As installers let it."""
    (place / "own" / "kind.py").write_text("VALUE = 0\n")
    again = PROGRAM + "import own.kind\n"
    assert run(place, program=again) == told("file", "file")
    assert run(place) == told("file", "file")
    assert run(place, program=again) == told("cache", "cache")
    assert run(place) == told("file", "file")


def test_nothing_is_written_where_there_is_no_source(place: Path) -> None:
    """What Python would keep is then what is installed."""
    own = place / "own"
    compileall.compile_dir(own, quiet=2, legacy=True)
    for path in own.rglob("*.py"):
        path.unlink()
    (own / "kind.pyc").write_text("what is installed")
    program = PROGRAM[: PROGRAM.index("import own.first")] + "cache.close()\n"
    assert run(place, program=program) == []
    assert sorted(path.name for path in own.glob("kind*")) == ["kind.pyc"]
    assert (own / "kind.pyc").read_text() == "what is installed"


def damaged(content: bytes) -> Iterator[bytes]:
    """Ways in which a disk, or somebody, may have damaged the file; the numbers in its head are left right in some."""
    head = content.index(len(content).to_bytes(8, "little"))
    begin, index = head + 16, int.from_bytes(content[head + 8 : head + 16], "little")

    def listing(value: Any) -> bytes:
        told = marshal.dumps(value)
        return content[:head] + (index + len(told)).to_bytes(8, "little") + content[head + 8 : index] + told

    yield b""
    yield content[: len(content) // 2]
    yield content + b"\0"
    yield content.replace(b"filewarden", b"somebody")
    for filler in (b"\0", b"\xff"):
        yield content[:begin] + filler * (len(content) - begin)
        yield content[:begin] + filler * (index - begin) + content[index:]
        yield content[: len(content) // 2].ljust(len(content), filler)
        yield content[: head + 8] + filler * 8 + content[begin:]
    yield from map(listing, ([1, 2], {"own.first": 1}, {"own.first": (1, 2)}, {"own.first": (begin, index, *range(5))}))


def test_a_damaged_file_is_as_good_as_none(place: Path) -> None:
    run(place)
    whole = cache_of(place).read_bytes()
    for content in damaged(whole):
        cache_of(place).write_bytes(content)
        assert run(place) == told("file", "file"), content[:200]
        assert run(place) == told("cache", "cache")


def test_starts_at_the_same_time_leave_one_whole_file(place: Path) -> None:
    environ = {"PATH": os.defpath}
    started = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(place)], stdout=subprocess.PIPE, env=environ)
        for _ in range(6)
    ]
    for process in started:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert len(output.splitlines()) == 3
    assert run(place) == told("cache", "cache")
    assert [path.name for path in cache_of(place).parent.glob("kind*")] == [cache_of(place).name]


FOREIGN = """
import sys
sys.path.insert(0, sys.argv[1])
from own.startup_cache import StartupCache
cache = StartupCache("kind")
cache.open()
sys.path.insert(0, sys.argv[1] + "/program")
import foreign, wave, own.first
{do}
cache.close()
for module in (foreign, wave, own.first):
    came_from = "cache" if type(module.__loader__).__module__ == "own.startup_cache" else "file"
    print(module.__name__, came_from)
"""
"""What takes one module from the folder of the program, one from the standard library, and one of ours."""


def came(foreign: str, wave: str, own: str) -> list[str]:
    return [f"foreign {foreign}", f"wave {wave}", f"own.first {own}"]


@pytest.fixture
def foreign(place: Path) -> Path:
    (place / "program").mkdir()
    (place / "program" / "foreign.py").write_text("VALUE = 'not of the installation'\n")
    return place / "program"


def test_a_module_that_is_not_of_the_installation_is_not_kept(place: Path, foreign: Path) -> None:
    program = FOREIGN.format(do="")
    assert run(place, program=program) == came("file", "file", "file")
    assert b"not of the installation" not in cache_of(place).read_bytes()
    assert run(place, program=program) == came("file", "cache", "cache")


def test_a_module_is_left_out_on_demand(place: Path, foreign: Path) -> None:
    program = FOREIGN.format(do="cache.leave_out({'wave'})")
    run(place, program=program)
    assert run(place, program=program) == came("file", "file", "cache")


def test_a_module_that_another_loader_has_made_is_not_kept(place: Path, foreign: Path) -> None:
    program = FOREIGN.format(
        do="own.first.__spec__.loader = type('Other', (type(foreign.__loader__),), {})('own.first', own.first.__file__)"
    )
    run(place, program=program)
    assert run(place, program=program) == came("file", "cache", "file")


def test_what_pythonpath_names_is_neither_kept_nor_hidden(place: Path, foreign: Path) -> None:
    program = FOREIGN.format(do="")
    named = {"PYTHONPATH": str(foreign)}
    assert run(place, program=program, more=named) == came("file", "file", "file")
    assert not cache_of(place).exists()
    run(place, program=program)
    (foreign / "wave.py").write_text("")
    assert run(place, program=program, more=named) == came("file", "file", "file")
    assert run(place, "-E", program=program, more=named) == came("file", "cache", "cache")


def test_a_module_that_is_installed_before_another_takes_its_place(place: Path, tmp_path: Path) -> None:
    """As when a dependency is upgraded in a folder that comes before the one it is in."""
    program = """
import sys
sys.path[1:1] = [sys.argv[1], sys.argv[1] + "/local", sys.argv[1] + "/distribution"]
from own.startup_cache import StartupCache
cache = StartupCache("kind")
cache.open()
import dependency
cache.close()
print(type(dependency.__loader__).__name__, dependency.VALUE)
"""
    for folder in ("local", "distribution"):
        (place / folder).mkdir()
    (place / "distribution" / "dependency.py").write_text("VALUE = 'old'\n")
    assert run(place, program=program) == ["SourceFileLoader old"]
    run(place, program=program)  # Python has made a folder for its own in between
    assert run(place, program=program) == ["_Loader old"]
    (place / "local" / "dependency.py").write_text("VALUE = 'new'\n")
    assert run(place, program=program) == ["SourceFileLoader new"]


def test_what_a_killed_start_has_left_is_removed(place: Path) -> None:
    run(place)
    cache_of(place).rename(cache_of(place).with_name(cache_of(place).name + ".7"))
    others = cache_of(place).with_name(cache_of(place).name + ".old")
    others.touch()
    assert run(place) == told("file", "file")
    assert sorted(cache_of(place).parent.glob("kind*")) == [cache_of(place), others]


def test_a_child_that_cannot_be_made_or_that_is_killed_leaves_nothing(place: Path) -> None:
    for done in ("raise BlockingIOError(11, 'no process')", "pid = made(); pid or os.kill(os.getpid(), 9); return pid"):
        program = f"import os\nmade = os.fork\ndef fork():\n    {done}\nos.fork = fork\n{PROGRAM}"
        assert run(place, program=program) == told("file", "file")
        assert list(cache_of(place).parent.glob("kind*")) == []


def test_no_child_is_made_where_nothing_can_be_written(place: Path) -> None:
    (place / "own" / "__pycache__").write_text("")
    assert run(place, program=f"import os\nos.fork = None\n{PROGRAM}") == told("file", "file")


def test_a_start_does_not_wait_for_ever_until_it_is_written(place: Path) -> None:
    stuck = "import time, own.startup_cache as cache; cache._WRITING_S = 1\n"
    stuck += "cache.StartupCache._content = lambda _self: time.sleep(600)\n"
    program = PROGRAM.replace('cache = StartupCache("kind")\n', f'{stuck}cache = cache.StartupCache("kind")\n')
    done = subprocess.run(
        [sys.executable, "-c", program, str(place)],
        capture_output=True,
        env={"PATH": os.defpath},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(cache_of(place).parent.glob("kind*")) == []
