"""The crowd of the benchmark, against a small server of the test."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.connection import Broken
from bench.http_clients import repeat
from bench.http_server import HttpServer
from bench.peers import Peer, Question

READ = Question("tools/call", {"name": "read_file"})
ANSWERS = {
    "whole": b'{"jsonrpc":"2.0","id":7,"result":{}}',
    "failed": b'{"jsonrpc":"2.0","id":7,"result":{"isError":true}}',
    "refused": b'{"jsonrpc":"2.0","id":7,"error":{}}',
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer = b""
    is_stream = False
    calls = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        is_call = b"tools/call" in body
        content = type(self).answer if is_call else ANSWERS["whole"]
        type(self).calls += is_call and self.headers["mcp-session-id"] == "s1"
        if not content:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Mcp-Session-Id", "s1")
        if type(self).is_stream:
            self.send_header("Transfer-Encoding", "chunked")
            content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HttpServer]:
    peer = Peer(name="small", version="", command=(), questions={})
    found = HttpServer(peer, "/nowhere")
    with ThreadingHTTPServer(("127.0.0.1", found.port), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield found
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("is_stream", [False, True], ids=["length", "stream"])
def test_every_answer_is_counted_once(server: HttpServer, is_stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "answer", ANSWERS["whole"])
    monkeypatch.setattr(Handler, "is_stream", is_stream)
    monkeypatch.setattr(Handler, "calls", 0)
    rate, times = repeat(server, READ, 3, 0.1)
    assert len(times) >= 3
    assert rate > 0
    assert Handler.calls == len(times)


@pytest.mark.parametrize("answer", [b"", ANSWERS["failed"], ANSWERS["refused"]], ids=["lost", "failed", "refused"])
def test_an_answer_that_is_lost_or_wrong_ends_it(
    server: HttpServer, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "answer", answer)
    with pytest.raises(Broken):
        repeat(server, READ, 2, 0.1)
