"""The methods that a worker serves: a request becomes a call, and its outcome the response."""

from msgspec import UNSET, UnsetType

from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, UnreadCallError
from filewarden.broker.protocol.jsonrpc import Request, ToolCall
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.messages import (
    CALL_PARAMS,
    COMPLETE_PARAMS,
    LIST_PARAMS,
    PROMPT_PARAMS,
    READ_PARAMS,
    CallParams,
    CompleteParams,
    RetryParams,
    decode_answers,
    decode_open,
    decode_params,
    shown,
)
from filewarden.broker.protocol.offer import TASKS, Offer
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.protocol.refusals import insist_on, missing_capability
from filewarden.broker.protocol.shape import (
    UNCACHED,
    call_answer,
    call_response,
    completion_response,
    document_response,
    prompt_response,
    resource_response,
)
from filewarden.broker.protocol.terms import Terms
from filewarden.broker.protocol.trace_context import read_trace_context
from filewarden.workers.errors import ToolFailure
from filewarden.workers.operations import Complete, GetPrompt, ListResources, ReadResource
from filewarden.workers.prompt import Prompt
from filewarden.workers.task_use import NEVER


def call_tool(request: Request | ToolCall, offer: Offer, terms: Terms) -> bytes | StartCall:
    """Arguments that fail their check are the model's to mend: they end in a tool result, not in an error."""
    params = read_call(request)
    tool = offer.tools.find(params.name)
    if tool is None:
        name = shown(params.name)
        raise UnreadCallError(name, ErrorCode.INVALID_PARAMS, f"Unknown tool: {name}")
    if tool.needs_task and not terms.has_tasks:
        raise missing_capability({"extensions": {TASKS: {}}}, f"{tool.name} runs as a task")
    try:
        arguments = tool.check(params.arguments)
    except ToolFailure as failure:
        if not bytes(params.arguments).startswith(b"{"):
            sentence = 'Invalid params: "arguments" must be an object'
            raise UnreadCallError(tool.name, ErrorCode.INVALID_PARAMS, sentence) from None
        refusal = Failed(failure.code, failure.message, failure.details)
        result = call_response(request.id, tool.name, refusal, terms.revision)
        raise UnreadCallError(tool.name, ErrorCode.INVALID_PARAMS, failure.message, result=result) from None
    except RecursionError:
        sentence = "Parse error: nested too deeply"
        raise UnreadCallError(tool.name, ErrorCode.PARSE_ERROR, sentence) from None
    meta = params.meta
    is_retry = terms.revision.has_result_type  # only a modern client can ask again
    return StartCall(
        request_id=request.id,
        operation=tool.name,
        arguments=arguments,
        respond=_respond_to_call,
        terms=terms,
        trace=None if meta.traceparent is UNSET else read_trace_context(meta.traceparent, meta.tracestate),
        progress_token=meta.progress_token,
        answers=_answers(params, terms) if is_retry else None,
        sealed_state=_state(params, terms) if is_retry else None,
        task=tool.task if terms.has_tasks else NEVER,
    )


def read_call(request: Request | ToolCall) -> CallParams:
    """The params of a call, however far they are read."""
    return request.params if isinstance(request, ToolCall) else decode_params(CALL_PARAMS, request.params)


def _respond_to_call(call: StartCall, outcome: Outcome) -> Reply:
    return call_answer(call.request_id, call.operation, outcome, call.terms.revision)


def list_resources(request: Request, offer: Offer, terms: Terms) -> bytes | StartCall:
    """In pages: the operation hands out cursors, which the driver seals."""
    insist_on(offer.abilities.resources, request)
    params = decode_params(LIST_PARAMS, request.params)
    return StartCall(
        request_id=request.id,
        operation=request.method,
        arguments=ListResources(params.cursor),
        respond=_respond_with_resources,
        terms=terms,
        trace=read_trace_context(params.meta.traceparent, params.meta.tracestate),
    )


def _respond_with_resources(call: StartCall, outcome: Outcome) -> bytes:
    return document_response(call.request_id, outcome, call.terms.revision, UNCACHED)


def read_resource(request: Request, offer: Offer, terms: Terms) -> bytes | StartCall:
    """What cannot be read is an error, whatever the reason."""
    insist_on(offer.abilities.resources, request)
    params = decode_params(READ_PARAMS, request.params)
    return StartCall(
        request_id=request.id,
        operation=request.method,
        arguments=ReadResource(params.uri),
        respond=_respond_with_contents,
        terms=terms,
        trace=read_trace_context(params.meta.traceparent, params.meta.tracestate),
        progress_token=params.meta.progress_token,
        answers=_answers(params, terms),
        sealed_state=_state(params, terms),
    )


def _respond_with_contents(call: StartCall, outcome: Outcome) -> bytes:
    uri = getattr(call.arguments, "uri", "")
    return resource_response(call.request_id, uri, outcome, call.terms.revision)


def get_prompt(request: Request, offer: Offer, terms: Terms) -> bytes | StartCall:
    """An operation writes the messages."""
    insist_on(bool(offer.prompts), request)
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
        trace=read_trace_context(params.meta.traceparent, params.meta.tracestate),
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


def complete(request: Request, offer: Offer, terms: Terms) -> bytes | StartCall:
    """Suggest values for an argument of a template or a prompt."""
    insist_on(offer.abilities.completions, request)
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
        trace=read_trace_context(params.meta.traceparent, params.meta.tracestate),
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


def _answers(params: RetryParams, terms: Terms) -> dict[str, dict[str, object]] | None:
    """Only a modern client asks again with answers; what others send under that name means nothing."""
    if isinstance(params.input_responses, UnsetType) or not terms.revision.has_result_type:
        return None
    return decode_answers(params.input_responses)


def _state(params: RetryParams, terms: Terms) -> str | None:
    if isinstance(params.request_state, UnsetType) or not terms.revision.has_result_type:
        return None
    return params.request_state
