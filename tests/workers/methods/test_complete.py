import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.context import Context
from filewarden.workers.methods.complete import run
from filewarden.workers.operations import Complete, Completion
from filewarden.workers.paths import visible
from filewarden.workers.paths.file_uris import path_of, template_of
from filewarden.workers.paths.space import Space

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]

NOTHING = Completion((), total=0, has_more=False)


def complete(context: Context, root: Path, value: str) -> Completion:
    template = template_of(os.fsencode(root))
    return run(context, Complete(kind="ref/resource", reference=template, argument="path", value=value))


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("", ["a.txt", "sub/"]),
        ("a", ["a.txt"]),
        ("su", ["sub/"]),
        ("sub", ["sub/"]),
        ("sub/", ["sub/b.py", "sub/deep/"]),
        ("sub/deep/c", ["sub/deep/c.py"]),
        ("/s", ["/sub/"]),
        ("x", []),
        (".", [".hidden"]),
    ],
)
def test_names_that_continue_the_value_are_suggested(
    value: str, values: list[str], context: Context, root: Path
) -> None:
    (root / ".hidden").touch()
    found = complete(context, root, value)
    assert (list(found.values), found.total, found.has_more) == (values, len(values), False)


@pytest.mark.parametrize("name", [b"100% sure?.txt", "é #1".encode(), b"\xff\xfe", b"a b"])
def test_what_is_suggested_leads_to_the_file(name: bytes, context: Context, root: Path) -> None:
    (root / os.fsdecode(name)).touch()
    template = template_of(os.fsencode(root))
    (value,) = set(complete(context, root, "").values) - {"a.txt", "sub/"}
    with context.space.open_file(path_of(template.replace("{+path}", value))) as handle:
        assert handle.names == (name,)
    assert value in complete(context, root, value).values
    assert value in complete(context, root, value[:2]).values


@pytest.mark.parametrize(
    "value",
    ["../", "../OUT/", "sub/../../OUT/", "%2e%2e/OUT/", "..%2f", "out/", "a.txt/", "none/", "closed/", "\0/", "%/"],
)
def test_nothing_outside_closed_or_absent_is_suggested(
    value: str, open_space: OpenSpace, make_context: MakeContext, root: Path
) -> None:
    (root / "out").symlink_to("../OUT")
    (root / "closed").mkdir()
    (root / "closed" / "x").touch()
    context = make_context(open_space(deny=("closed",)))
    assert complete(context, root, value) == NOTHING
    assert set(complete(context, root, "").values) == {"a.txt", "sub/"}
    assert "closed" not in str(complete(context, root, "cl"))


def test_another_template_has_nothing_to_suggest(context: Context, root: Path) -> None:
    assert complete(context, root.with_name("OUT"), "") == NOTHING


def test_a_hundred_values_and_how_many_there_are(context: Context, root: Path) -> None:
    for number in range(250):
        (root / f"f{number:03}").touch()
    found = complete(context, root, "f")
    assert found == Completion(tuple(f"f{n:03}" for n in range(100)), total=250, has_more=True)


def test_a_huge_folder_is_not_read_to_its_end(context: Context, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible, "MOST_LOOKED_AT", 20)
    for number in range(50):
        (root / f"f{number:03}").touch()
    found = complete(context, root, "")
    assert (len(found.values) <= 20, found.total, found.has_more) == (True, None, True)


def test_long_values_stay_within_an_answer(space: Space, make_context: MakeContext, root: Path) -> None:
    for number in range(50):
        (root / (f"{number:03}" + "x" * 200)).touch()
    found = complete(make_context(space, max_answer_chars=4000), root, "")
    assert sum(map(len, found.values)) < 4000
    assert (found.total, found.has_more) == (52, True)
