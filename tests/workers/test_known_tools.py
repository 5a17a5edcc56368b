"""The tools that a worker has run: looked up once, and refused where the catalogue has none of that name."""

import pytest

from filewarden.workers.catalogue import Catalogue
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.known_tools import KnownTools
from filewarden.workers.tools import read_file, write_file


def test_a_tool_is_looked_up_once() -> None:
    tools = KnownTools(Catalogue([read_file.TOOL, write_file.TOOL]))
    known = tools["write_file"]
    assert (known.run, known.steps, known.is_shown) == (write_file.TOOL.run, write_file.TOOL.steps, True)
    assert known.decode(b"\x82\xa4path\xa1a\xa7content\xa0") == write_file.WriteFile(path="a", content="")
    assert tools["write_file"] is known
    assert list(tools) == ["write_file"]


def test_a_tool_that_the_catalogue_lacks_is_refused_each_time() -> None:
    tools = KnownTools(Catalogue([read_file.TOOL]))
    for _ in range(2):
        with pytest.raises(ToolFailure) as refused:
            tools["write_file"]
        assert refused.value.code is Code.UNSUPPORTED
    assert not tools
