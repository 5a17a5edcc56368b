"""What a catalogue makes possible is declared; what it does not have is not."""

import msgspec
import pytest

from filewarden.broker.offering import abilities
from filewarden.broker.protocol.offer import Abilities
from filewarden.workers.catalogue import Catalogue
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


ALWAYS = Abilities(logging=True, tasks=True)


@pytest.mark.parametrize(
    ("catalogue", "declared"),
    [
        (Catalogue([tool("plain")]), {}),
        (Catalogue([tool("plain")], [tool("resources/read")]), {"resources": True}),
        (Catalogue([tool("plain")], [tool("completion/complete")]), {"completions": True}),
        (Catalogue([tool("resources/read")]), {"resources": True}),
        (Catalogue([tool("resources/subscribe")]), {"watching": True, "changing_resources": True}),
        (Catalogue([tool("plain"), tool("adds", changes="tools")]), {"changing_tools": True}),
        (Catalogue([tool("adds", changes="prompts")]), {"changing_prompts": True}),
        (Catalogue([tool("adds", changes="resources")]), {"changing_resources": True}),
    ],
)
def test_abilities_are_those_of_the_catalogue(catalogue: Catalogue, declared: dict[str, bool]) -> None:
    assert abilities(catalogue) == msgspec.structs.replace(ALWAYS, **declared)
