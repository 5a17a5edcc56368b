"""The commented file."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.config.example import commented_file
from filewarden.config.load import Loaded
from filewarden.config.options import options, profile_options, root_options

Load = Callable[..., Loaded]


def uncommented() -> str:
    lines = commented_file().splitlines()
    return "\n".join(line[1:] if line.startswith("#") and line[1:2] not in {" ", ""} else line for line in lines)


def test_as_printed_it_sets_nothing(loaded: Load) -> None:
    tables = tomllib.loads(commented_file())
    assert tables.pop("deadlines") == {"tool": {}}
    assert not any(tables.values())
    found = loaded(text=commented_file())
    assert set(found.origins.values()) - {"default", "command line"} <= {found.file}


def test_no_value_is_broken_in_two() -> None:
    assert not [line for line in commented_file().splitlines() if line.endswith("-")]


def test_with_every_setting_line_uncommented_it_names_every_setting_once() -> None:
    tables = tomllib.loads(uncommented())
    (root,), (profile,) = tables.pop("roots"), tables.pop("profiles")
    assert list(root) == list(root_options())
    assert list(profile) == list(profile_options())
    found = {f"{section}.{name}" for section, table in tables.items() for name in table}
    assert found == set(options())


def test_uncommented_it_loads_to_the_defaults(loaded: Load, home: Path) -> None:
    (home / "project").mkdir()
    found = loaded(text=uncommented(), rootless=True)
    for key, option in options().items():
        assert option.make_default is not None
        value = getattr(getattr(found.settings, option.section), option.name)
        assert value == ({"search_text": 30.0} if key == "deadlines.tool" else option.make_default())
        assert found.origins[key] == found.file


@pytest.mark.parametrize("key", [key for key, option in options().items() if str(option.bounds)])
def test_bounds_are_named(key: str) -> None:
    assert f"({options()[key].bounds})" in commented_file().replace("\n# ", " ")


def test_sentences_and_choices_are_named() -> None:
    text = commented_file().replace("\n# ", " ").replace("-\n# ", "-")
    assert '(one of "required", "best-effort", "off")' in text
    for option in (*options().values(), *root_options().values()):
        assert "".join(option.sentence.split()) in "".join(text.split())
