"""What came of a tool call."""

from tests.drivers.messages import Json


def data(result: Json) -> Json:
    """The structured content of a call that succeeded."""
    assert not result.get("isError"), result
    found: Json = result["structuredContent"]
    return found


def code(result: Json) -> str:
    """How a call failed."""
    assert result.get("isError"), result
    found: str = result["structuredContent"]["error"]["code"]
    return found
