import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from filewarden.broker.protocol.actions import CancelCall, StartCall
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.offered import OfferedTool
from filewarden.broker.protocol.session import Session
from filewarden.workers import profile, wire
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.errors import Code, ToolFailure

CORPUS = Path(__file__).parent / "corpus"
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
        input_schema={"type": "object"},
        output_schema=None,
        annotations={},
        check=_check,
    )
    session = Session(Offer([tool], instructions=""))
    if version is not None:
        opening = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "f", "version": "0"}}
        frame = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": opening}
        session.receive(msgspec.json.encode(frame))
    return session


SESSIONS = {version: _session(version) for version in (None, *VERSIONS)}


def from_client(data: bytes) -> None:
    """Every revision's session takes the bytes, answers in one line of JSON, and never raises."""
    for session in SESSIONS.values():
        for line in (data, *data.split(b"\n")):
            exchange = session.receive(line)
            started = [each for each in exchange.actions if isinstance(each, StartCall)]
            for each in exchange.actions:
                assert isinstance(each, StartCall | CancelCall)
            if exchange.answer is not None:
                assert b"\n" not in exchange.answer
                exchange.answer.decode()
                msgspec.json.decode(exchange.answer)
            if started:
                session.close()


def from_worker(data: bytes) -> None:
    """A worker's frame is one of four messages or a `WireError`; what it carries is a result or a decoding error."""
    try:
        message = wire.unpack_from_worker(data)
    except wire.WireError:
        return
    assert isinstance(message, wire.Hello | wire.Ready | wire.Answer | wire.Refusal)
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


def report(data: bytes) -> None:
    """A start report is one, or a `WireError`."""
    try:
        found = wire.unpack_report(data)
    except wire.WireError:
        return
    msgspec.json.encode(found)
    assert len(msgspec.json.encode(found)) < 64 * wire.REPORT_BYTES


def to_worker(data: bytes) -> None:
    """What the broker sends is a `Go`, a `Call`, or a `WireError`."""
    try:
        message = wire.unpack_to_worker(data)
    except wire.WireError:
        return
    assert isinstance(message, wire.Go | wire.Call)


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
