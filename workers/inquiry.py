"""What an operation needs from the person at the other end, and what that person answered.

No worker waits for a human: an operation that needs an answer raises `Inquiry`, which ends the call. The front-end
asks, in the way of the client's revision, and then runs the call again, with the answers and the state of the inquiry.
"""

from typing import Any, Literal

import msgspec

STATE_BYTES = 4096
"""What an operation may leave for its next run."""
MOST_REQUESTS = 8
MOST_LEVELS = 32
"""How deep a question or an answer may be nested: what reads and writes JSON and frames recurses."""

InputMethod = Literal["elicitation/create", "sampling/createMessage", "roots/list"]
Json = dict[str, Any]


class InputRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One thing to ask the client; `params` are those of the protocol's method."""

    method: InputMethod
    params: Json = {}


class Inputs(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a call that was asked about is run again with: the client's answers by key, as objects of JSON."""

    answers: dict[str, Json] = {}
    state: bytes = b""


NO_INPUTS = Inputs()


class Inquiry(Exception):
    """The call can only go on with answers; nothing may have been changed before it is raised.

    Raises:
        ValueError: more requests, or more state, than a question may have.
    """

    def __init__(self, requests: dict[str, InputRequest], state: bytes = b"") -> None:
        super().__init__("the client has to be asked")
        if not 0 < len(requests) <= MOST_REQUESTS or len(state) > STATE_BYTES:
            raise ValueError(f"a question has 1 to {MOST_REQUESTS} requests and at most {STATE_BYTES} bytes of state")
        self.requests = requests
        self.state = state


def is_shallow(value: object, levels: int = MOST_LEVELS) -> bool:
    """Whether a document that was decoded has at most so many levels."""
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or (levels > 0 and all(is_shallow(each, levels - 1) for each in value))


def form(message: str, properties: Json, required: tuple[str, ...] = ()) -> InputRequest:
    """Ask the user to fill a form; `properties` are flat JSON Schemas by name."""
    schema: Json = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return InputRequest("elicitation/create", {"message": message, "requestedSchema": schema})


def accepted(answer: Json | None) -> Json | None:
    """What the user filled a form with; None unless the user accepted."""
    if answer is None or answer.get("action") != "accept":
        return None
    content = answer.get("content")
    return content if isinstance(content, dict) else {}
