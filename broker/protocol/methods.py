"""What each method answers; a method that is not in its era's table does not exist."""

from collections.abc import Callable

from filewarden.broker.protocol.actions import (
    Deferred,
    Listen,
    TaskRequest,
    Unwatch,
    Watch,
)
from filewarden.broker.protocol.calls import call_tool, complete, get_prompt, list_resources, read_resource
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import Request
from filewarden.broker.protocol.messages import (
    LIST_PARAMS,
    LISTEN_PARAMS,
    READ_PARAMS,
    TASK_PARAMS,
    TASK_UPDATE_PARAMS,
    decode_answers,
    decode_open,
    decode_params,
)
from filewarden.broker.protocol.offer import TASKS, Offer
from filewarden.broker.protocol.refusals import insist_on, missing_capability
from filewarden.broker.protocol.response import result_response
from filewarden.broker.protocol.terms import Terms

Answer = bytes | Deferred
"""A finished response, or something whose response comes later."""
Method = Callable[[Request, Offer, Terms], Answer]


def list_tools(request: Request, offer: Offer, terms: Terms) -> bytes:
    """There is one page."""
    _insist_on_first_page(request)
    return result_response(request.id, offer.tools_list(terms.revision))


def list_templates(request: Request, offer: Offer, terms: Terms) -> bytes:
    """There is one page."""
    insist_on(offer.abilities.resources, request)
    _insist_on_first_page(request)
    return result_response(request.id, offer.templates_list(terms.revision))


def list_prompts(request: Request, offer: Offer, terms: Terms) -> bytes:
    """There is one page."""
    insist_on(bool(offer.prompts), request)
    _insist_on_first_page(request)
    return result_response(request.id, offer.prompts_list(terms.revision))


def watch(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Legacy: `resources/subscribe`."""
    insist_on(offer.abilities.watching, request)
    return Watch(request.id, decode_params(READ_PARAMS, request.params).uri, terms)


def unwatch(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Legacy: `resources/unsubscribe`; unknown ones are fine."""
    insist_on(offer.abilities.watching, request)
    return Unwatch(request.id, decode_params(READ_PARAMS, request.params).uri, terms)


def discover(request: Request, offer: Offer, terms: Terms) -> bytes:
    """What a modern client may ask first."""
    return result_response(request.id, offer.discover_result(terms.revision))


def listen(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Kinds that nothing is ever told of are left out of the acknowledgement."""
    can = offer.abilities
    lists = can.changing_tools or can.changing_prompts or can.changing_resources
    insist_on(can.watching or can.tasks or lists, request)
    wanted = decode_open(LISTEN_PARAMS, request.params, "params").notifications
    if wanted.tasks and not terms.has_tasks:
        raise missing_capability({"extensions": {TASKS: {}}}, "tasks are an extension")
    return Listen(request.id, wanted, terms)


def handle_task(request: Request, offer: Offer, terms: Terms) -> Answer:
    """`tasks/get` and `tasks/cancel`."""
    _insist_on_tasks(request, offer, terms)
    return TaskRequest(request.id, request.method, decode_params(TASK_PARAMS, request.params).task_id, terms)


def update_task(request: Request, offer: Offer, terms: Terms) -> Answer:
    """`tasks/update`: answers to what a task asks."""
    _insist_on_tasks(request, offer, terms)
    params = decode_params(TASK_UPDATE_PARAMS, request.params)
    answers = decode_answers(params.input_responses)
    return TaskRequest(request.id, request.method, params.task_id, terms, answers)


_COMMON: dict[str, Method] = {
    "tools/call": call_tool,
    "tools/list": list_tools,
    "resources/list": list_resources,
    "resources/read": read_resource,
    "resources/templates/list": list_templates,
    "prompts/list": list_prompts,
    "prompts/get": get_prompt,
    "completion/complete": complete,
}
LEGACY_METHODS: dict[str, Method] = {
    **_COMMON,
    "resources/subscribe": watch,
    "resources/unsubscribe": unwatch,
}
MODERN_METHODS: dict[str, Method] = {
    **_COMMON,
    "server/discover": discover,
    "subscriptions/listen": listen,
    "tasks/get": handle_task,
    "tasks/cancel": handle_task,
    "tasks/update": update_task,
}


def _insist_on_tasks(request: Request, offer: Offer, terms: Terms) -> None:
    insist_on(offer.abilities.tasks, request)
    if not terms.has_tasks:
        raise missing_capability({"extensions": {TASKS: {}}}, "tasks are an extension")


def _insist_on_first_page(request: Request) -> None:
    if decode_params(LIST_PARAMS, request.params).cursor is not None:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, "Invalid params: unknown cursor; the list has one page")
