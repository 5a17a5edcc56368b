"""What is offered: names that calls may use beside those that lists show, and hints for clients."""

from collections.abc import Callable

import msgspec

from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.session import Session

OPENING = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}


def test_a_tool_answers_to_its_other_names_which_no_list_shows(
    tools: list[OfferedTool], make: Callable[..., bytes]
) -> None:
    hint: dict[str, object] = {"anthropic/maxResultSizeChars": 9}
    named = msgspec.structs.replace(tools[1], other_names=("read_text_file",), meta=hint)
    session = Session(Offer([tools[0], named]))
    session.receive(make("initialize", OPENING))
    (call,) = session.receive(make("tools/call", {"name": "read_text_file"}, request_id=2)).actions
    assert isinstance(call, StartCall)
    assert call.operation == "read_file"
    answer = session.receive(make("tools/list", request_id=3)).answer
    assert answer is not None
    listed = msgspec.json.decode(bytes(answer))["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["get_file_info", "read_file"]
    assert [tool.get("_meta") for tool in listed] == [None, hint]
