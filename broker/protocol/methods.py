"""What each method answers; a method that is not in its era's table does not exist."""

from collections.abc import Callable

from msgspec import UnsetType

from filewarden.broker.protocol.actions import (
    Deferred,
    Listen,
    StartCall,
    TaskRequest,
    Unwatch,
    Watch,
)
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import Request
from filewarden.broker.protocol.messages import (
    CALL_PARAMS,
    COMPLETE_PARAMS,
    LIST_PARAMS,
    LISTEN_PARAMS,
    PROMPT_PARAMS,
    READ_PARAMS,
    TASK_PARAMS,
    TASK_UPDATE_PARAMS,
    CallParams,
    CompleteParams,
    RetryParams,
    decode_answers,
    decode_open,
    decode_params,
    shown,
)
from filewarden.broker.protocol.offer import TASKS, Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome
from filewarden.broker.protocol.response import result_response
from filewarden.broker.protocol.shape import (
    UNCACHED,
    call_response,
    completion_response,
    document_response,
    prompt_response,
    resource_response,
)
from filewarden.broker.protocol.terms import Terms
from filewarden.workers.errors import ToolFailure
from filewarden.workers.operations import Complete, GetPrompt, ListResources, ReadResource
from filewarden.workers.prompt import Prompt
from filewarden.workers.task_use import TaskUse

Answer = bytes | Deferred
"""A finished response, or something whose response comes later."""
Method = Callable[[Request, Offer, Terms], Answer]


def list_tools(request: Request, offer: Offer, terms: Terms) -> bytes:
    """There is one page."""
    _insist_on_first_page(request)
    return result_response(request.id, offer.tools_list(terms.revision))


def call_tool(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Arguments that fail their check are the model's to mend: they end in a tool result, not in an error."""
    params = decode_params(CALL_PARAMS, request.params)
    tool = offer.find_tool(params.name)
    if tool is None:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, f"Unknown tool: {shown(params.name)}")
    if tool.needs_task and not terms.has_tasks:
        raise missing_capability({"extensions": {TASKS: {}}}, f"{tool.name} runs as a task")
    try:
        arguments = tool.check(_argument_object(params))
    except ToolFailure as failure:
        refusal = Failed(failure.code, failure.message, failure.details)
        return call_response(request.id, tool.name, refusal, terms.revision)
    except RecursionError:
        raise ProtocolError(ErrorCode.PARSE_ERROR, "Parse error: nested too deeply") from None
    return StartCall(
        request_id=request.id,
        operation=tool.name,
        arguments=arguments,
        respond=_respond_to_call,
        terms=terms,
        progress_token=params.meta.progress_token,
        answers=_answers(params, terms),
        sealed_state=_state(params, terms),
        task=_task_use(tool, terms),
    )


def _respond_to_call(call: StartCall, outcome: Outcome) -> bytes:
    return call_response(call.request_id, call.operation, outcome, call.terms.revision)


def list_resources(request: Request, offer: Offer, terms: Terms) -> Answer:
    """In pages: the operation hands out cursors, which the driver seals."""
    _insist_on(offer.abilities.resources, request)
    params = decode_params(LIST_PARAMS, request.params)
    return StartCall(
        request_id=request.id,
        operation=request.method,
        arguments=ListResources(params.cursor),
        respond=_respond_with_resources,
        terms=terms,
    )


def _respond_with_resources(call: StartCall, outcome: Outcome) -> bytes:
    return document_response(call.request_id, outcome, call.terms.revision, UNCACHED)


def read_resource(request: Request, offer: Offer, terms: Terms) -> Answer:
    """What cannot be read is an error, whatever the reason."""
    _insist_on(offer.abilities.resources, request)
    params = decode_params(READ_PARAMS, request.params)
    return StartCall(
        request_id=request.id,
        operation=request.method,
        arguments=ReadResource(params.uri),
        respond=_respond_with_contents,
        terms=terms,
        progress_token=params.meta.progress_token,
        answers=_answers(params, terms),
        sealed_state=_state(params, terms),
    )


def _respond_with_contents(call: StartCall, outcome: Outcome) -> bytes:
    uri = getattr(call.arguments, "uri", "")
    return resource_response(call.request_id, uri, outcome, call.terms.revision)


def list_templates(request: Request, offer: Offer, terms: Terms) -> bytes:
    """There is one page."""
    _insist_on(offer.abilities.resources, request)
    _insist_on_first_page(request)
    return result_response(request.id, offer.templates_list(terms.revision))


def list_prompts(request: Request, offer: Offer, terms: Terms) -> bytes:
    """There is one page."""
    _insist_on(bool(offer.prompts), request)
    _insist_on_first_page(request)
    return result_response(request.id, offer.prompts_list(terms.revision))


def get_prompt(request: Request, offer: Offer, terms: Terms) -> Answer:
    """An operation writes the messages."""
    _insist_on(bool(offer.prompts), request)
    params = decode_open(PROMPT_PARAMS, request.params, "params")
    prompt = offer.prompts.get(params.name)
    if prompt is None:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, f"Unknown prompt: {shown(params.name)}")
    _check_prompt_arguments(prompt, params.arguments)
    return StartCall(
        request_id=request.id,
        operation=request.method,
        arguments=GetPrompt(params.name, params.arguments),
        respond=_respond_with_prompt,
        terms=terms,
        progress_token=params.meta.progress_token,
        answers=_answers(params, terms),
        sealed_state=_state(params, terms),
    )


def _respond_with_prompt(call: StartCall, outcome: Outcome) -> bytes:
    return prompt_response(call.request_id, outcome, call.terms.revision)


def _check_prompt_arguments(prompt: Prompt, given: dict[str, str]) -> None:
    for argument in prompt.arguments:
        if argument.required and argument.name not in given:
            raise ProtocolError(ErrorCode.INVALID_PARAMS, f"Invalid params: {argument.name!r} is missing")


def complete(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Suggest values for an argument of a template or a prompt."""
    _insist_on(offer.abilities.completions, request)
    params = decode_open(COMPLETE_PARAMS, request.params, "params")
    _check_reference(params, offer)
    return StartCall(
        request_id=request.id,
        operation=request.method,
        arguments=Complete(
            kind=params.ref.kind,
            reference=params.ref.uri or params.ref.name,
            argument=params.argument.name,
            value=params.argument.value,
            context=params.context.arguments if terms.revision.has_completion_context else {},
        ),
        respond=_respond_with_completion,
        terms=terms,
    )


def _respond_with_completion(call: StartCall, outcome: Outcome) -> bytes:
    return completion_response(call.request_id, outcome, call.terms.revision)


def _check_reference(params: CompleteParams, offer: Offer) -> None:
    name = params.argument.name
    if params.ref.kind == "ref/prompt":
        prompt = offer.prompts.get(params.ref.name)
        is_known = prompt is not None and any(each.name == name for each in prompt.arguments)
    else:
        is_known = any(
            each.uri_template == params.ref.uri and name in _variables(each.uri_template) for each in offer.templates
        )
    if not is_known:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, "Invalid params: unknown reference, or none of its arguments")


def _variables(uri_template: str) -> set[str]:
    """The names that a template has values for (RFC 6570, 2.3)."""
    expressions = (part.partition("}")[0].lstrip("+#./;?&") for part in uri_template.split("{")[1:])
    return {each.partition(":")[0].rstrip("*") for expression in expressions for each in expression.split(",")}


def watch(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Legacy: `resources/subscribe`."""
    _insist_on(offer.abilities.watching, request)
    return Watch(request.id, decode_params(READ_PARAMS, request.params).uri, terms)


def unwatch(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Legacy: `resources/unsubscribe`; unknown ones are fine."""
    _insist_on(offer.abilities.watching, request)
    return Unwatch(request.id, decode_params(READ_PARAMS, request.params).uri, terms)


def discover(request: Request, offer: Offer, terms: Terms) -> bytes:
    """What a modern client may ask first."""
    return result_response(request.id, offer.discover_result(terms.revision))


def listen(request: Request, offer: Offer, terms: Terms) -> Answer:
    """Kinds that nothing is ever told of are left out of the acknowledgement."""
    can = offer.abilities
    lists = can.changing_tools or can.changing_prompts or can.changing_resources
    _insist_on(can.watching or can.tasks or lists, request)
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


def missing_capability(required: dict[str, object], why: str) -> ProtocolError:
    """For a modern client that does not declare what the request needs."""
    return ProtocolError(
        ErrorCode.MISSING_CLIENT_CAPABILITY,
        f"Missing required client capability: {why}",
        {"requiredCapabilities": required},
    )


def cannot_ask(asked: Asked, terms: Terms) -> ProtocolError | None:
    """Why the client cannot be asked all of that; None when it can."""
    missing = {request.method for request in asked.requests.values()} - set(terms.askable)
    if not missing:
        return None
    required = {name: value for method in sorted(missing) for name, value in _NEEDED[method].items()}
    return missing_capability(required, "this call has to ask the client")


def not_found(request: Request) -> ProtocolError:
    """For a method that the table lacks, or that needs what is not offered."""
    return ProtocolError(ErrorCode.METHOD_NOT_FOUND, f"Method not found: {shown(request.method)}")


_NEEDED: dict[str, dict[str, object]] = {
    "elicitation/create": {"elicitation": {"form": {}}},
    "sampling/createMessage": {"sampling": {}},
    "roots/list": {"roots": {}},
}
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


def _argument_object(params: CallParams) -> bytes:
    arguments = bytes(params.arguments)
    if arguments[:1] != b"{":
        raise ProtocolError(ErrorCode.INVALID_PARAMS, 'Invalid params: "arguments" must be an object')
    return arguments


def _answers(params: RetryParams, terms: Terms) -> dict[str, dict[str, object]] | None:
    """Only a modern client asks again with answers; what others send under that name means nothing."""
    if isinstance(params.input_responses, UnsetType) or not terms.revision.has_result_type:
        return None
    return decode_answers(params.input_responses)


def _state(params: RetryParams, terms: Terms) -> str | None:
    if isinstance(params.request_state, UnsetType) or not terms.revision.has_result_type:
        return None
    return params.request_state


def _task_use(tool: OfferedTool, terms: Terms) -> TaskUse:
    return tool.task if terms.has_tasks else TaskUse.NEVER


def _insist_on(is_offered: bool, request: Request) -> None:
    if not is_offered:
        raise not_found(request)


def _insist_on_tasks(request: Request, offer: Offer, terms: Terms) -> None:
    _insist_on(offer.abilities.tasks, request)
    if not terms.has_tasks:
        raise missing_capability({"extensions": {TASKS: {}}}, "tasks are an extension")


def _insist_on_first_page(request: Request) -> None:
    if decode_params(LIST_PARAMS, request.params).cursor is not None:
        raise ProtocolError(ErrorCode.INVALID_PARAMS, "Invalid params: unknown cursor; the list has one page")
