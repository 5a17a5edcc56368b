"""Asking a legacy client: requests of ours, their ids, and what its responses mean (MCP, elicitation and sampling)."""

import msgspec

from filewarden.broker.protocol import notifications
from filewarden.broker.protocol.actions import Interview, StartCall
from filewarden.broker.protocol.jsonrpc import Response
from filewarden.broker.protocol.messages import MOST_OPEN_BYTES, Json
from filewarden.broker.protocol.outcome import Asked
from filewarden.workers.inquiry import is_shallow

ID_PREFIX = "filewarden-"
"""Keeps our ids apart from the client's."""
_OBJECT = msgspec.json.Decoder(Json)
NOT_ANSWERED: Json = {"action": "cancel"}


def begin(call: StartCall, asked: Asked, asked_before: int) -> tuple[Interview, list[bytes]]:
    """The interview, and the frames that ask; `asked_before` numbers our requests through a session."""
    keys = {f"{ID_PREFIX}{asked_before + n}": key for n, key in enumerate(asked.requests, 1)}
    frames = [
        notifications.request(our_id, asked.requests[key].method, asked.requests[key].params)
        for our_id, key in keys.items()
    ]
    return Interview(call, asked, keys), frames


def take_response(interview: Interview, our_id: str, response: Response) -> None:
    """Note one answer; an error, or anything but an object of reasonable size, is none."""
    interview.answers[interview.keys.pop(our_id)] = _answer_in(response)


def _answer_in(response: Response) -> Json:
    if response.result is None or len(memoryview(response.result)) > MOST_OPEN_BYTES:
        return NOT_ANSWERED
    try:
        answer = _OBJECT.decode(response.result)
    except (msgspec.DecodeError, RecursionError):
        return NOT_ANSWERED
    return answer if is_shallow(answer) else NOT_ANSWERED


def is_complete(interview: Interview) -> bool:
    """Whether nothing is open any more."""
    return not interview.keys


def decline_rest(interview: Interview) -> None:
    """Count what is open as not answered."""
    for key in interview.keys.values():
        interview.answers[key] = NOT_ANSWERED
    interview.keys.clear()
