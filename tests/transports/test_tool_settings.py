from pathlib import Path

import pytest

from filewarden.config.errors import ConfigError
from filewarden.config.load import load
from filewarden.transports.tool_settings import check_globs, check_tool_names
from filewarden.workers.catalogue import CATALOGUE


def test_deadlines_of_tools_that_exist_pass(tree: Path, environ: dict[str, str]) -> None:
    check_tool_names(load([str(tree)], {**environ, "FILEWARDEN_DEADLINES_TOOL": "read_file=2"}), CATALOGUE)


def test_a_deadline_of_no_tool_is_refused_with_the_nearest_name(tree: Path, environ: dict[str, str]) -> None:
    loaded = load([str(tree)], {**environ, "FILEWARDEN_DEADLINES_TOOL": "raed_file=2,nosuch=1"})
    with pytest.raises(ConfigError) as refusal:
        check_tool_names(loaded, CATALOGUE)
    assert (
        'deadlines.tool.raed_file (FILEWARDEN_DEADLINES_TOOL): there is no such tool; did you mean "read_file"?'
        in str(refusal.value)
    )
    assert "nosuch" in str(refusal.value)


def test_names_that_no_tool_and_no_group_has_are_refused_wherever_they_stand(
    tree: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "filewarden.toml"
    file.write_text(
        '[tools]\nonly = ["@reed", "read_file"]\n[[profiles]]\nname = "a"\n[profiles.tools]\nonly = ["@scan", "edit"]\n'
        '[profiles.deadlines.tool]\nnosuch = 1\n[[profiles]]\nname = "b"\n'
    )
    with pytest.raises(ConfigError) as refusal:
        check_tool_names(load([str(tree), "--config", str(file)], environ), CATALOGUE)
    assert [(problem.key, problem.value) for problem in refusal.value.problems] == [
        ("tools.only", "@reed"),
        ("profiles.0.deadlines.tool.nosuch", None),
        ("profiles.0.tools.only", "edit"),
    ]


def test_rules_of_a_profile_that_are_no_globs_are_refused_before_its_workers_start(
    tree: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "filewarden.toml"
    file.write_text(f'[[profiles]]\nname = "a"\n[[profiles.roots]]\npath = "{tree}"\ndeny = ["ok", "[z-a]"]\n')
    with pytest.raises(ConfigError) as refusal:
        check_globs(load([str(tree), "--config", str(file)], environ).settings)
    assert [(problem.key, problem.value) for problem in refusal.value.problems] == [
        ("profiles.0.roots.0.deny", "[z-a]")
    ]
