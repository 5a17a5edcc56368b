"""The page as any HTTP client sees it: who gets it, with what headers, and what the cookie opens."""

import http.client
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filewarden.broker.lifecycle import Exit
from filewarden.broker.protocol.outcome import Reason
from filewarden.transports.http.page.attempts import FAILURES
from filewarden.transports.http.page.files import paths
from filewarden.transports.http.page.live import MOST_VIEWERS
from filewarden.transports.http.turned_away import TURN_AWAY_REASONS

pytestmark = pytest.mark.integration
FORM = "application/x-www-form-urlencoded"
PACKAGE = Path(__file__).parents[4] / "transports" / "http" / "page" / "static"


def sign_in(server: Any, token: str, **headers: str) -> Any:
    body = f"token={token}".encode()
    return server.request("POST", "/sign-in", body, auth=False, content_type=FORM, **headers)


@pytest.fixture
def cookie(http: Any) -> str:
    """Of a browser that has signed in."""
    reply = sign_in(http, http.token)
    assert reply.status == 303, reply.body
    return str(reply.headers["set-cookie"].partition(";")[0])


def test_without_a_token_there_is_the_form_and_nothing_else(http: Any) -> None:
    reply = http.get("/", authorization="")
    assert (reply.status, reply.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert b'action="/sign-in"' in reply.body
    assert b"status.js" not in reply.body
    assert reply.headers["www-authenticate"] == 'Bearer realm="mcp"'
    assert http.get(f"/?token={http.token}", authorization="").status == 401
    assert [http.get(path, authorization="").status for path in ("/status", "/status/events")] == [401, 401]


def test_the_token_opens_the_page_by_header_too(http: Any) -> None:
    reply = http.get("/")
    assert (reply.status, b"status.js" in reply.body, b"sign-out" in reply.body) == (200, True, True)


def test_every_document_has_the_strict_headers(http: Any, cookie: str) -> None:
    found = [http.get(path, authorization="") for path in ("/", *paths())]
    found += [http.get("/", authorization="", cookie=cookie), sign_in(http, "wrong")]
    for reply in found:
        policy = dict(each.split(" ", 1) for each in reply.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["trusted-types"] == "'none'"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["referrer-policy"] == "same-origin"


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    for file in PACKAGE.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        for forbidden in ("http:", "https:", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
            assert forbidden not in text, (file.name, forbidden)
        if file.suffix == ".html":
            assert not re.search(r"<style|\sstyle=|\son\w+=|=\"//", text), file.name
            assert text.count("<script") == text.count('<script type="module" src="/page/')


@pytest.mark.parametrize("names", [Reason, Exit, TURN_AWAY_REASONS])
def test_every_reason_and_exit_has_words(names: Iterable[str]) -> None:
    words = (PACKAGE / "words.js").read_text()
    assert [name for name in names if f"\n  {name}: " not in words] == []


def test_the_cookie_is_strict_and_opens_the_pages_alone(http: Any, cookie: str) -> None:
    field = sign_in(http, http.token).headers["set-cookie"]
    assert "HttpOnly" in field
    assert "SameSite=Strict" in field
    assert http.token not in field
    assert http.get("/", authorization="", cookie=cookie).status == 200
    assert http.get("/status", authorization="", cookie=cookie).status == 200
    assert http.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, authorization="", cookie=cookie).status == 401
    assert http.get("/sse", authorization="", cookie=cookie).status == 401


def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_alone(start_http: Callable[..., Any]) -> None:
    server = start_http(FILEWARDEN_HTTP_ALLOWED_ORIGINS="https://files.example.org")
    assert sign_in(server, server.token, origin="https://files.example.org").headers["set-cookie"].endswith("; Secure")
    assert sign_in(server, server.token, origin="https://other.example.org").status == 403


def test_a_form_of_another_site_signs_nobody_in(http: Any) -> None:
    for origin in ("http://evil.example", "null"):
        assert sign_in(http, http.token, origin=origin).status == 403
    assert sign_in(http, http.token, origin=http.url).status == 303
    assert sign_in(http, http.token, host="evil.example").status == 421


def test_whatever_else_is_sent_is_a_wrong_token(http: Any) -> None:
    for body in (b"", b"token=", b"token", b"Token=x", b"\xff\xfe", b"token=%ff", b"a=1&" * 50, b"x" * 9000):
        reply = http.request("POST", "/sign-in", body, auth=False, content_type=FORM)
        assert (reply.status, reply.headers["set-cookie"]) == (401, None), body
    assert sign_in(http, http.token).status == 303


def test_guessing_is_slowed_down_and_counted(start_http: Callable[..., Any]) -> None:
    server = start_http()
    statuses = [sign_in(server, f"guess-{number}").status for number in range(FAILURES + 2)]
    assert statuses == [401] * FAILURES + [429, 429]
    reply = sign_in(server, server.token)
    assert (reply.status, 0 < int(reply.headers["retry-after"]) <= 6) == (429, True)
    assert server.get("/status").status == 200  # the token itself is not locked out
    refusals = server.status()["refusals"]
    assert (refusals["http_credential"], refusals["http_sign_in"]) == (FAILURES, 3)


Events = Callable[[Any, str], http.client.HTTPResponse]


@pytest.fixture
def open_events() -> Iterator[Events]:
    """Open streams of a browser with that cookie; each is closed after the test."""
    opened: list[http.client.HTTPConnection] = []

    def open_one(server: Any, cookie: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        opened.append(connection)
        connection.request("GET", "/status/events", headers={"cookie": cookie, "accept": "text/event-stream"})
        return connection.getresponse()

    yield open_one
    for connection in opened:
        connection.close()


def test_the_stream_has_status_and_charts_and_ends_with_the_visit(http: Any, cookie: str, open_events: Events) -> None:
    response = open_events(http, cookie)
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    head = b"".join(response.readline() for _ in range(8))
    assert head.startswith(b"retry: 1000\n\nevent: status\ndata: {")
    assert b"\n\nevent: timeline\ndata: {" in head
    reply = http.request("POST", "/sign-out", b"", auth=False, cookie=cookie, content_type=FORM)
    assert (reply.status, reply.headers["location"]) == (303, "/")
    assert "Max-Age=0" in reply.headers["set-cookie"]
    response.read()  # to its end
    assert http.get("/status", authorization="", cookie=cookie).status == 401


def test_there_is_a_bound_on_open_pages(http: Any, cookie: str, open_events: Events) -> None:
    streams = [open_events(http, cookie) for _ in range(MOST_VIEWERS)]
    assert {stream.status for stream in streams} == {200}
    refused = open_events(http, cookie)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    http.request("POST", "/sign-out", b"", auth=False, cookie=cookie, content_type=FORM)
    for stream in streams:
        stream.read()
    again = sign_in(http, http.token).headers["set-cookie"].partition(";")[0]
    assert open_events(http, again).status == 200


def test_without_auth_the_page_is_open_and_offers_no_way_out(start_http: Callable[..., Any]) -> None:
    server = start_http("--auth", "none", auth=False)
    reply = server.get("/")
    assert (reply.status, b"status.js" in reply.body, b"sign-out" in reply.body) == (200, True, False)


def test_without_status_there_is_no_page(start_http: Callable[..., Any]) -> None:
    server = start_http("--status", "off")
    assert {server.get(path).status for path in ("/", "/status/events", "/page/style.css", "/sign-out")} == {404}


def test_a_server_that_stops_lets_its_viewers_go_at_once(start_http: Callable[..., Any], open_events: Events) -> None:
    server = start_http()
    response = open_events(server, sign_in(server, server.token).headers["set-cookie"].partition(";")[0])
    response.readline()
    server.process.terminate()
    response.read()
    assert server.process.wait(20) == 0


def test_a_server_on_stdio_has_the_same_page(start_server: Callable[..., Any], environ: dict[str, str]) -> None:
    server = start_server("--status", "127.0.0.1:0")
    server.initialize()
    server.wait_until_ready()
    port = int(server.errors.partition("Status pages on http://127.0.0.1:")[2].partition("/")[0])
    token = (Path(environ["XDG_STATE_HOME"]) / "filewarden" / "token").read_text().strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/sign-in", f"token={token}".encode(), {"content-type": FORM})
    reply = connection.getresponse()
    reply.read()
    connection.request("GET", "/status/events", headers={"cookie": reply.headers["set-cookie"].partition(";")[0]})
    response = connection.getresponse()
    head = b"".join(response.readline() for _ in range(8))
    connection.close()
    assert b'"transport":"stdio"' in head
    assert b'event: timeline\ndata: {"step_s":5.0' in head
