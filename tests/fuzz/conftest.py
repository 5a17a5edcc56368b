import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from filewarden.broker.protocol.actions import Action, AwaitAnswers, CancelCall, EndListen, Send, StartCall
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.offer import Abilities, Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.outcome import Asked
from filewarden.broker.protocol.session import Session
from filewarden.workers import profile, wire
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.inquiry import Inputs, form
from filewarden.workers.operations import ResourceTemplate
from filewarden.workers.prompt import Prompt, PromptArgument
from filewarden.workers.task_use import TaskUse

CORPUS = Path(__file__).parent / "corpus"
ABLE = Abilities(
    resources=True, watching=True, completions=True, logging=True, tasks=True, changing_tools=True,
    changing_prompts=True, changing_resources=True,
)  # fmt: skip
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")

Target = Callable[[bytes], object]


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    path: str = "."


def _check(arguments: bytes) -> msgspec.Struct:
    try:
        return msgspec.json.decode(arguments, type=Arguments)
    except msgspec.DecodeError as error:
        raise ToolFailure(Code.INVALID_ARGUMENT, str(error), argument="path") from None


def _session(version: str | None) -> Session:
    tool = OfferedTool(
        name="read_file",
        title="Read",
        description="Read.",
        schemas=lambda: ({"type": "object"}, None),
        annotations={},
        check=_check,
        task=TaskUse.AT_ONCE,
    )
    topic = PromptArgument(name="topic", description="About.", required=True)
    offer = Offer(
        [tool],
        prompts=[Prompt(name="explain", title="Explain", description="Explain.", arguments=(topic,))],
        templates=[ResourceTemplate(uri_template="file:///R/{+path}", name="R", title="R", description="Files.")],
        abilities=ABLE,
        instructions="",
    )
    session = Session(offer, Eras.MODERN if version == "modern" else Eras.BOTH)
    if version in VERSIONS:
        capabilities: dict[str, object] = {"elicitation": {}, "sampling": {}, "roots": {}}
        opening = {
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": {"name": "f", "version": "0"},
        }
        frame = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": opening}
        session.receive(msgspec.json.encode(frame))
    return session


SESSIONS = {version: _session(version) for version in (None, "modern", *VERSIONS)}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_file"}}
ASKED = Asked({"sure": form("Sure?", {})}, b"state", "sealed")


def from_client(data: bytes) -> None:
    """Every revision's session takes the bytes, answers in one line of JSON, and never raises."""
    for session in SESSIONS.values():
        for line in (data, *data.split(b"\n")):
            exchange = session.receive(line)
            started = [_usable(each) for each in exchange.actions if not isinstance(each, CancelCall | EndListen)]
            if exchange.answer is not None:
                answer = bytes(exchange.answer)
                assert b"\n" not in answer
                answer.decode()
                msgspec.json.decode(answer)
            if started:
                session.close()


def _usable(action: Action) -> Action:
    """What a session makes of the bytes can be handed on: to a worker, or to a task."""
    if isinstance(action, StartCall):
        wire.pack(action.arguments)
        wire.unpack_inputs(wire.pack(Inputs(action.answers or {}, action.state or b"")))
    return action


def to_question(data: bytes) -> None:
    """Whatever a legacy client answers to a question, the call runs again, once, or was cancelled."""
    session = _session("2025-11-25")
    opening = session.receive(msgspec.json.encode(CALL))
    started = opening.actions.pop()
    assert isinstance(started, StartCall)
    exchange = session.complete(started, ASKED)
    assert exchange is not None
    question, wait = exchange.actions
    assert isinstance(question, Send)
    assert isinstance(wait, AwaitAnswers)
    exchange.actions.clear()
    our_id = msgspec.json.encode(msgspec.json.decode(question.frame)["id"])
    response = b'{"jsonrpc":"2.0","id":' + our_id + b',"result":' + data + b"}"
    after = [*session.receive(data).actions, *session.receive(response).actions]
    given_up = session.give_up(wait.questions, "nobody answered in time")
    if given_up is not None:
        after += given_up.actions
    again = [each for each in after if isinstance(each, StartCall)]
    assert len(again) == (1 not in [each.call.request_id for each in after if isinstance(each, CancelCall)])
    for each in again:
        _usable(each)


def from_worker(data: bytes) -> None:
    """A worker's frame is one of four messages or a `WireError`; what it carries is a result or a decoding error."""
    try:
        message = wire.unpack_from_worker(data)
    except wire.WireError:
        return
    assert isinstance(message, wire.FromWorker)
    if isinstance(message, wire.Question):
        question(message)
    if isinstance(message, wire.Progress):
        msgspec.json.decode(msgspec.json.encode([message.done, message.total]), type=tuple[float, float | None])
    if isinstance(message, wire.Ready):
        report(message.report)
    if isinstance(message, wire.Answer):
        for tool in CATALOGUE.tools:
            try:
                msgspec.json.encode(msgspec.msgpack.decode(message.body, type=tool.result))
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                continue
    if isinstance(message, wire.Refusal):
        msgspec.json.encode(message.details)


def question(asked: wire.Question) -> None:
    """A question can be told to a client, or is a `WireError`."""
    try:
        requests = wire.unpack_requests(asked)
    except wire.WireError:
        return
    for each in requests.values():
        msgspec.json.encode({"deeper": [each.params]})


def report(data: bytes) -> None:
    """A start report is one, or a `WireError`."""
    try:
        found = wire.unpack_report(data)
    except wire.WireError:
        return
    msgspec.json.encode(found)
    assert len(msgspec.json.encode(found)) < 64 * wire.REPORT_BYTES


def to_worker(data: bytes) -> None:
    """What the broker sends is a `Go`, some `Calls`, or a `WireError`."""
    try:
        message = wire.unpack_to_worker(data)
    except wire.WireError:
        return
    assert isinstance(message, wire.Go | wire.Calls)
    for call in message.calls if isinstance(message, wire.Calls) else ():
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            wire.unpack_inputs(call.inputs)


def control(data: bytes) -> None:
    """A zygote's message is decoded, or refused with the one error that its reader catches.

    What a zygote cannot decode ends it, whatever the error; its workers go with it, and it is replaced.
    """
    with contextlib.suppress(msgspec.DecodeError):
        profile.decode_from_zygote(data)
    for decode in (profile.decode_spawn, profile.decode_profile):
        try:
            decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue


def toml(data: bytes) -> None:
    """A configuration file is loaded or refused with a `ConfigError`, whatever is in it."""
    from filewarden.config.errors import ConfigError
    from filewarden.config.load import load

    path = Path(os.environ["FUZZ_FOLDER"]) / "config.toml"
    path.write_bytes(data)
    path.chmod(0o600)
    with contextlib.suppress(ConfigError):
        load(["--config", str(path)], {"HOME": str(path.parent)})


TARGETS: dict[str, Target] = {
    "from_client": from_client,
    "to_question": to_question,
    "from_worker": from_worker,
    "report": report,
    "to_worker": to_worker,
    "control": control,
    "toml": toml,
}


@pytest.fixture
def targets() -> dict[str, Target]:
    return TARGETS


@pytest.fixture
def corpus() -> Callable[[str], dict[str, bytes]]:
    """The inputs that are kept for one target, by their file names."""

    def corpus(target: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((CORPUS / target).iterdir())}

    return corpus


@pytest.fixture(autouse=True)
def fuzz_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUZZ_FOLDER", str(tmp_path))
    return tmp_path
