"""The notifications and requests that we send: one function each, giving the finished frame."""

from filewarden.broker.protocol.errors import RequestId
from filewarden.broker.protocol.response import encode
from filewarden.broker.protocol.revisions import Revision
from filewarden.workers.note_level import NoteLevel

SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"
LOGGER = "filewarden"

Json = dict[str, object]


def progress(token: RequestId, done: float, total: float | None, message: str | None, revision: Revision) -> bytes:
    """`notifications/progress`; whole numbers are written as such."""
    params: Json = {"progressToken": token, "progress": _plain(done)}
    if total is not None:
        params["total"] = _plain(total)
    if message is not None and revision.has_progress_message:
        params["message"] = message
    return notification("notifications/progress", params)


def log_message(level: NoteLevel, text: str) -> bytes:
    """`notifications/message`."""
    return notification("notifications/message", {"level": level.name.lower(), "logger": LOGGER, "data": text})


def cancelled(request_id: RequestId, reason: str) -> bytes:
    """`notifications/cancelled`: of a request of ours, or of a subscription that we end."""
    return notification("notifications/cancelled", {"requestId": request_id, "reason": reason})


def list_changed(kind: str, subscription: RequestId | None = None) -> bytes:
    """`notifications/KIND/list_changed`."""
    return notification(f"notifications/{kind}/list_changed", _tagged({}, subscription))


def resource_updated(uri: str, subscription: RequestId | None = None) -> bytes:
    """`notifications/resources/updated`."""
    return notification("notifications/resources/updated", _tagged({"uri": uri}, subscription))


def task_changed(task: Json, subscription: RequestId) -> bytes:
    """`notifications/tasks`: the whole task."""
    return notification("notifications/tasks", _tagged(task, subscription))


def acknowledged(honoured: Json, subscription: RequestId) -> bytes:
    """`notifications/subscriptions/acknowledged`."""
    return notification("notifications/subscriptions/acknowledged", _tagged({"notifications": honoured}, subscription))


def request(request_id: str, method: str, params: Json) -> bytes:
    """A request of ours."""
    return encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def notification(method: str, params: Json) -> bytes:
    """Any notification; without params the member is left out."""
    body: Json = {"jsonrpc": "2.0", "method": method}
    return encode({**body, "params": params} if params else body)


def _tagged(params: Json, subscription: RequestId | None) -> Json:
    return params if subscription is None else {**params, "_meta": {SUBSCRIPTION_KEY: subscription}}


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) and abs(number) < 2**53 else number
