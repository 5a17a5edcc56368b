from pathlib import Path

import pytest

from filewarden.config.errors import ConfigError
from filewarden.config.load import load
from filewarden.transports.tool_settings import check_tool_names
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
