"""What a catalogue makes possible is declared; what it does not have is not."""

import msgspec
import pytest

from filewarden.broker.offering import OfferedTools, abilities
from filewarden.broker.protocol.offer import Abilities
from filewarden.workers.catalogue import CATALOGUE, Catalogue
from filewarden.workers.tool import Tool


class Nothing(msgspec.Struct, frozen=True):
    pass


def tool(name: str, **more: object) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        arguments=Nothing,
        result=Nothing,
        run=lambda _context, _arguments: Nothing(),
        **more,  # type: ignore[arg-type] # any field of it
    )


ALWAYS = Abilities(logging=True, tasks=True, changing_tools=True)


@pytest.mark.parametrize(
    ("catalogue", "declared"),
    [
        (Catalogue([tool("plain")]), {}),
        (Catalogue([tool("plain")], [tool("resources/read")]), {"resources": True}),
        (Catalogue([tool("plain")], [tool("completion/complete")]), {"completions": True}),
        (Catalogue([tool("resources/read")]), {"resources": True}),
        (Catalogue([tool("resources/subscribe")]), {"watching": True, "changing_resources": True}),
        (Catalogue([tool("plain"), tool("adds", changes="tools")]), {}),
        (Catalogue([tool("adds", changes="prompts")]), {"changing_prompts": True}),
        (Catalogue([tool("adds", changes="resources")]), {"changing_resources": True}),
    ],
)
def test_abilities_are_those_of_the_catalogue(catalogue: Catalogue, declared: dict[str, bool]) -> None:
    assert abilities(catalogue) == msgspec.structs.replace(ALWAYS, **declared)


def test_clients_are_told_which_answers_may_be_long() -> None:
    def hints(max_answer_chars: int) -> dict[str, object]:
        offered = OfferedTools(CATALOGUE, max_answer_chars=max_answer_chars)
        return {tool.name: tool.meta.get("anthropic/maxResultSizeChars") for tool in offered}

    usual, long = hints(40_000), hints(10_000_000)
    assert usual["read_file"] == usual["read_multiple_files"] == 500_000
    assert usual["list_directory"] is usual["read_media_file"] is None
    assert hints(120_000)["list_directory"] == 120_000
    assert long["list_directory"] == 500_000


@pytest.mark.parametrize(
    ("only", "tools", "has_resources"),
    [
        ((), {"plain", "walks", "writes"}, True),
        (("@read",), {"plain"}, False),
        (("@scan", "writes", "@resources"), {"walks", "writes"}, True),
        (("@write", "plain"), {"plain", "writes"}, False),
    ],
)
def test_only_the_tools_that_are_named_are_offered(only: tuple[str, ...], tools: set[str], has_resources: bool) -> None:
    whole = Catalogue(
        [tool("plain"), tool("walks", scans=True), tool("writes", writes=True)],
        [tool("resources/read"), tool("completion/complete"), tool("find_outcome")],
    )
    offered = whole.offered(scan=True, write=True, only=only)
    assert {each.name for each in offered} == tools
    assert abilities(offered).resources is abilities(offered).completions is has_resources
    assert offered.operation("find_outcome") is not None
