"""Section J: JSON-RPC on both transports, and the lines of stdio."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S
from tests.drivers.process import ending

pytestmark = pytest.mark.integration

Json = dict[str, Any]


def errors_of(messages: list[Json]) -> list[int]:
    return [message["error"]["code"] for message in messages]


def read(path: str, request_id: str = "7") -> bytes:
    call = json.dumps({"name": "read_file", "arguments": {"path": path}})
    return f'{{"jsonrpc":"2.0","id":{request_id},"method":"tools/call","params":{call}}}'.encode()


def test_j01_raw_newline_inside_a_string(pipe: Any) -> None:
    assert (
        errors_of(pipe.raw(b'{"jsonrpc":"2.0","id":1,"method":"tools/ca\nll","params":{}}', answers=2)) == [-32700] * 2
    )


def test_j01_raw_newline_inside_a_body(web: Any) -> None:
    assert errors_of(web.raw(b'{"jsonrpc":"2.0","id":1,"method":"tools/ca\nll","params":{}}')) == [-32700]


def test_j02_j03_newlines_and_messages_in_content_stay_inside(client: Any, folder: Path) -> None:
    smuggled = '\n{"jsonrpc":"2.0","id":1001,"result":{}}\r\n\u2028data: x\n\n'
    (folder / "m.txt").write_text(smuggled, newline="")
    (folder / '\n{"jsonrpc":"2.0","id":9}\n').touch()
    assert client.text(f"{folder.name}/m.txt") == smuggled
    assert client.data("list_directory", path=folder.name)["total"] == 2
    assert client.code("read_file", path=smuggled) in ("not_found", "not_a_directory", "invalid_argument")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ('"method":"tools/call","params":{"name":"read_file","name":"delete","arguments":{}}', {"-32602"}),
        ('"method":"tools/call","method":"no/such","params":{}', {"-32601"}),
        ('"method":"no/such","id":40,"params":{}', {"-32601"}),
        (
            '"method":"tools/call","params":{"name":"read_file","arguments":{"path":"small.txt","path":"../OUT"}}',
            {"access_denied"},
        ),
        (
            '"method":"tools/call","params":{"name":"read_file","arguments":{"path":"../OUT","path":"small.txt"}}',
            {"ok", "access_denied"},
        ),
    ],
)
def test_j04_duplicate_keys_one_value_decides(
    client: Any, code: Callable[..., str], members: str, expected: set[str]
) -> None:
    client.next_id += 1
    (answer,) = client.raw(f'{{"jsonrpc":"2.0","id":{client.next_id},{members}}}'.encode())
    assert code(answer) in expected


def test_j05_duplicate_ids_in_flight(pipe: Any) -> None:
    one = pipe.frame("tools/call", {"name": "search_files", "arguments": {"pattern": "**/*"}}, "same")
    answers = pipe.raw(one + b"\n" + one, answers=2)
    assert [answer["id"] for answer in answers] == ["same"] * 2
    pipe.answered.clear()  # one of the two is the refusal of the other
    assert sum("result" in answer for answer in answers) >= 1


@pytest.mark.parametrize(
    "request_id",
    [
        "0",
        "-1",
        "9007199254740993",
        '"1"',
        '"x\\u0000"',
        "1.5",
        "1e400",
        "1" + "0" * 30,
        "true",
        "{}",
        "[1]",
        '"%s"' % ("x" * 1_000_000),
    ],
    ids=range(12),
)
def test_j06_odd_ids(client: Any, request_id: str) -> None:
    (answer,) = client.raw(read("small.txt", request_id))
    if "result" in answer:
        assert answer["id"] == json.loads(request_id)
        assert type(answer["id"]) is type(json.loads(request_id))
    else:
        assert answer["error"]["code"] in (-32600, -32700)
        assert len(json.dumps(answer)) < 1000


def test_j06_null_id(client: Any) -> None:
    assert errors_of(client.raw(read("small.txt", "null"))) == [-32600]


def test_j06_types_of_ids_are_not_mixed(pipe: Any) -> None:
    answers = pipe.raw(read("small.txt", '"1"') + b"\n" + read("small.txt", "1"), answers=2)
    assert sorted(map(repr, (answer["id"] for answer in answers))) == ["'1'", "1"]


@pytest.mark.parametrize("frame", [b"[]", b"[1]", b"[" + b",".join([read("small.txt")] * 10_000) + b"]"], ids=range(3))
def test_j07_batch(client: Any, frame: bytes) -> None:
    begun = time.monotonic()
    assert errors_of(client.raw(frame)) == [-32600]
    assert time.monotonic() - begun < 1.0 + BUSY_S


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"[" * 100_000, id="arrays"),
        pytest.param(b'{"a":' * 100_000, id="objects"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="params"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":'
            + b"[" * 50_000
            + b"]" * 50_000
            + b"}}}",
            id="argument",
        ),
    ],
)
def test_j08_deep_nesting(client: Any, code: Callable[..., str], frame: bytes) -> None:
    begun = time.monotonic()
    (answer,) = client.raw(frame)
    assert time.monotonic() - begun < 1.0 + BUSY_S
    assert code(answer) in ("-32700", "-32600", "-32602", "invalid_argument")


@pytest.mark.parametrize(
    "number", ["1" * 1_000_000, "1e999", "-1e999", "NaN", "Infinity", "1" * 400, "0.1e-999999999"], ids=range(7)
)
def test_j09_huge_numbers(client: Any, code: Callable[..., str], number: str) -> None:
    call = f'{{"name":"read_file","arguments":{{"path":"small.txt","head":{number}}}}}'
    begun = time.monotonic()
    (answer,) = client.raw(f'{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{call}}}'.encode())
    assert time.monotonic() - begun < 0.5 + BUSY_S
    assert code(answer) in ("-32700", "-32602", "invalid_argument")
    assert len(json.dumps(answer)) < 1000


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', id="utf8"),
        pytest.param(b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}', id="bom"),
        pytest.param('{"jsonrpc":"2.0","id":1,"method":"ping"}'.encode("utf-16-le").replace(b"\n", b""), id="utf16"),
        pytest.param(b"\0\0\0\0", id="nul"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":"pi\0ng"}', id="control"),
        pytest.param(b"not json", id="text"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":"ping"', id="half"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"method":"ping"}}', id="more"),
    ],
)
def test_j12_bytes_that_are_no_message(client: Any, frame: bytes) -> None:
    assert errors_of(client.raw(frame)) == [-32700]


def test_j12_line_ends_and_blank_lines(pipe: Any) -> None:
    assert pipe.raw(b"\n\r\n  \n\t\n" + read("small.txt", '"crlf"') + b"\r\n\r")[0]["id"] == "crlf"


@pytest.mark.parametrize("arguments", ['"{\\"path\\":\\"small.txt\\"}"', '["small.txt"]', "5", "true", "null"])
def test_j13_arguments_that_are_no_object(client: Any, code: Callable[..., str], arguments: str) -> None:
    frame = f'{{"jsonrpc":"2.0","id":13,"method":"tools/call","params":{{"name":"read_file","arguments":{arguments}}}}}'
    assert code(client.raw(frame.encode())[0]) in ("-32602", "invalid_argument")


def test_j14_undeclared_arguments(client: Any) -> None:
    for name in ("pathh", "__proto__", "constructor", "PATH", "path\0", "", "x" * 10_000):
        result = client.call("read_file", path="small.txt", **{name: "x"})
        assert result["structuredContent"]["error"]["code"] == "invalid_argument"
        assert "path" in result["content"][0]["text"]
        assert len(str(result)) < 2000
    begun = time.monotonic()
    assert (
        client.code("read_file", path="small.txt", **{f"key{number}": 1 for number in range(10_000)})
        == "invalid_argument"
    )
    assert time.monotonic() - begun < 0.5 + BUSY_S


@pytest.mark.parametrize(
    "method", ["tools/Call", "rpc.x", "__init__", "", "x" * 1_000_000, "tools", "tools/call/", "../x"], ids=range(8)
)
def test_j15_unknown_method(client: Any, method: str) -> None:
    (answer,) = client.raw(client.frame(method, {}))
    assert answer["error"]["code"] == -32601
    assert len(json.dumps(answer)) < 500


def test_j15_wrong_method(client: Any) -> None:
    methods: tuple[object, ...] = (1, None, [], {}, True)
    for method in methods:
        assert errors_of(client.raw(client.frame(method, {}))) == [-32600]


def test_j16_calls_before_initialize_and_initialize_twice(client: Any, launch: Callable[..., Any], ground: Any) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    if client.kind == "http":
        status, _, body = client.exchange(read("small.txt"), mcp_session_id="")
        assert status == 400
        assert "result" not in json.loads(body)
    else:
        fresh = launch("stdio", ground, opened=False)
        assert errors_of(fresh.raw(read("small.txt"))) == [-32600]
        assert errors_of(fresh.raw(fresh.frame("tools/list", {}))) == [-32600]
        fresh.open()
        assert fresh.text("small.txt") == "small text\n"
    assert client.ask("initialize", hello)["error"]["code"] == -32600


@pytest.mark.parametrize("version", ["1.0", "9999-99-99", "", "../x", "2025-06-18\n"])
def test_j17_unknown_version_is_answered_with_one_of_ours(launch: Callable[..., Any], web: Any, version: str) -> None:
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    status, headers, body = web.exchange(web.frame("initialize", hello), mcp_session_id="")
    assert status == 200
    assert json.loads(body)["result"]["protocolVersion"] == "2025-11-25"
    assert web.exchange(None, "DELETE", mcp_session_id=headers["Mcp-Session-Id"])[0] == 204


@pytest.mark.parametrize("version", [[], 5, None, {}])
def test_j17_a_version_that_is_no_text(web: Any, version: object) -> None:
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    status, headers, body = web.exchange(web.frame("initialize", hello), mcp_session_id="")
    assert (status, json.loads(body)["error"]["code"]) == (200, -32602)
    assert "Mcp-Session-Id" not in headers


def test_j18_response_to_no_request(client: Any) -> None:
    for request_id in ("1001", '"x"', "null", "1e5", "{}"):
        client.raw(f'{{"jsonrpc":"2.0","id":{request_id},"result":{{}}}}'.encode(), answers=0)
        client.raw(f'{{"jsonrpc":"2.0","id":{request_id},"error":{{"code":1,"message":"x"}}}}'.encode(), answers=0)


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_j19_flood_of_notifications(pipe: Any, count: int) -> None:
    before = pipe.memory_mb()
    line = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"x","progress":1}}\n'
    for _ in range(count // 1000):
        pipe.send_bytes(line * 1000)
    assert pipe.text("small.txt") == "small text\n"
    assert pipe.memory_mb() - before < 20


def test_j21_j23_meta_and_progress_tokens(client: Any, code: Callable[..., str]) -> None:
    metas: list[object] = [
        {"progressToken": "x" * 1_000_000},
        {"progressToken": {}},
        {"progressToken": 1.5},
        {"traceparent": "00-\r\nX-Evil: 1"},
        {"traceparent": ["x"]},
        {"io.filewarden/read_file": {"path": "../OUT"}},
        {f"key{number}": "x" * 100 for number in range(10_000)},
        "text",
        None,
        [],
    ]
    for meta in metas:
        answer = client.ask("tools/call", {"name": "read_file", "arguments": {"path": "small.txt"}, "_meta": meta})
        assert code(answer) in ("ok", "-32602"), str(meta)[:80]
        assert "Evil" not in str(answer)
    same = {"name": "read_file", "arguments": {"path": "small.txt"}, "_meta": {"progressToken": "same"}}
    assert code(client.ask("tools/call", same)) == code(client.ask("tools/call", same)) == "ok"


@pytest.mark.parametrize("way", ["stdin", "stdout", "both"])
def test_j24_client_dies_between_request_and_answer(launch: Callable[..., Any], ground: Any, way: str) -> None:
    reading, writing = os.pipe()
    started = subprocess.Popen(
        [*_command(), str(ground.root)],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={"HOME": "/nonexistent", "PATH": os.defpath, "XDG_STATE_HOME": str(ground.base / "state-j24")},
    )
    os.close(writing)
    with ending(started) as done:
        assert done.stdin is not None
        done.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}\n')
        done.stdin.flush()
        assert os.read(reading, 10_000).endswith(b"}\n")
        if way != "stdin":
            os.close(reading)
        done.stdin.write(read("small.txt") + b"\n")
        done.stdin.flush()
        if way != "stdout":
            done.stdin.close()
        assert done.wait(20) == 0
        assert done.stderr is not None
        assert b"Traceback" not in done.stderr.read()
    if way == "stdin":
        rest = b""
        while chunk := os.read(reading, 10_000):
            rest += chunk
        os.close(reading)
        assert rest == b"" or rest.endswith(b"}\n")


def test_j11_a_slow_line_holds_nobody_up(pipe: Any, web: Any) -> None:
    """A byte at a time: the status socket and other servers answer meanwhile, and the line counts when it is whole."""
    frame = pipe.frame("ping", {}, "slow") + b"\n"
    for at in range(len(frame)):
        pipe.send_bytes(frame[at : at + 1])
        if at % 20 == 0:
            assert pipe.status()["status"] == "ok"
            assert web.text("small.txt") == "small text\n"
    assert pipe.receive()["id"] == "slow"


def _command() -> list[str]:
    return [sys.executable, "-c", "from filewarden.transports.cli import main; raise SystemExit(main())", "serve"]
