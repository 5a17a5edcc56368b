"""The page in a real browser: live, harmless whatever names it shows, and good for everybody's eyes and hands."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
OpenPage = Callable[..., Any]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def watched(start_shared_http: Callable[..., Any]) -> Any:
    """A server whose tools can misbehave."""
    return start_shared_http(faulty=True)


def call(server: Any, tool: str, name: str = "test", **arguments: Any) -> str:
    """Call a tool in a session of a client of that name; the session."""
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}
    session = server.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).headers
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    server.post(body, mcp_session_id=session["mcp-session-id"])
    return str(session["mcp-session-id"])


def test_signing_in_leaves_no_token_behind(watched: Any, open_page: OpenPage) -> None:
    page = open_page(watched.url)
    assert page.title() == "Sign in – Filewarden"
    page.fill("#token", "wrong")
    page.click("button")
    assert page.inner_text(".mistake") == "This is not the token of this server."
    page.fill("#token", watched.token)
    page.click("button")
    page.wait_for_selector("#workers tbody tr")
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert page.url == f"{watched.url}/"
    assert page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
    assert watched.token not in page.content()
    page.click("text=Sign out")
    assert page.title() == "Sign in – Filewarden"


@pytest.mark.alone
def test_a_killed_worker_is_seen_within_a_second(watched: Any, open_page: OpenPage) -> None:
    page = open_page(watched.url, watched.token)
    page.wait_for_selector('#workers tbody tr:first-child .pill[data-tone="ok"]')
    pid = watched.status()["workers"][0]["pid"]
    row = page.locator("#workers tbody tr").first
    assert f"pid {pid}" in row.inner_text()
    os.kill(pid, signal.SIGKILL)
    page.wait_for_function(
        "pid => { const text = document.querySelector('#workers tbody tr').innerText;"
        " return !text.includes(pid) && text.includes('crash'); }",
        arg=f"pid {pid}",
        timeout=1000,
    )
    page.wait_for_function("document.getElementById('announcer').textContent.includes('replaced: crash')", timeout=1000)


def test_hostile_names_are_shown_as_text(watched: Any, open_page: OpenPage) -> None:
    call(watched, "read_file", EVIL, path=f"../{EVIL}")
    page = open_page(watched.url, watched.token)
    page.wait_for_function("name => document.getElementById('clients').innerText.includes(name)", arg=EVIL)
    assert f"../{EVIL}" in page.inner_text("#incidents")
    assert page.locator("main img, main script, main a").count() == 0
    assert watched.status()["incidents"][0]["path"] == f"../{EVIL}"


def test_a_running_call_shows_its_tool_and_its_time(watched: Any, open_page: OpenPage) -> None:
    session = call(watched, "get_file_info", path="README.md")
    body = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "sleep", "arguments": {"seconds": 9}}}
    stream = watched.open_events("POST", body, accept="application/json, text/event-stream", mcp_session_id=session)
    page = open_page(watched.url, watched.token)
    row = page.locator("#workers tbody tr", has_text="sleep").first
    row.locator(".pill", has_text="busy").wait_for()
    assert re.search(r" of 10\.[23] s", row.inner_text())
    assert 0 < float(row.locator("progress").first.get_attribute("value") or 0) < 10_250
    stream.close()
    assert watched.request("DELETE", "/mcp", mcp_session_id=session).status == 204  # which cancels the call


def test_charts_are_drawn_and_say_what_they_show(watched: Any, open_page: OpenPage) -> None:
    call(watched, "read_file", path="README.md")
    page = open_page(watched.url, watched.token)
    page.wait_for_selector("#rate svg path.line", state="attached")
    page.wait_for_selector("#latency svg path.line", state="attached")
    assert page.get_attribute("#rate svg", "aria-label").startswith("Calls per second in the last fifteen minutes")
    box = page.locator("#rate svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 40)
    assert "min ago: answered" in page.inner_text("#rate .readout")


def test_the_policy_is_in_force(watched: Any, open_page: OpenPage) -> None:
    """The negative control of all that asserts that nothing was violated."""
    page = open_page(watched.url, watched.token, may_complain=True)
    made = """() => { const node = document.createElement('div'); node.setAttribute('style', 'color: red');
    document.body.append(node);
    try { node.innerHTML = '<b>x</b>'; } catch (error) { return error.name; } }"""
    assert page.evaluate(made) == "TypeError"
    page.wait_for_function("window.violations.length >= 2")
    assert sorted(set(page.evaluate("window.violations.splice(0)"))) == ["require-trusted-types-for", "style-src-attr"]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 360)])
def test_everybody_can_use_it(watched: Any, open_page: OpenPage, axe: str, scheme: str, width: int) -> None:
    call(watched, "read_file", path="../outside")
    viewport = {"width": width, "height": 800}
    page = open_page(watched.url, color_scheme=scheme, viewport=viewport, bypass_csp=True)
    found = [violations(page, axe)]
    page.fill("#token", watched.token)
    page.click("button")
    page.wait_for_selector("#incidents tbody tr")
    page.evaluate("document.getElementById('problems').hidden = false")
    found.append(violations(page, axe))
    assert found == [[], []]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def violations(page: Any, axe: str) -> list[str]:
    """What axe finds, in short."""
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found]


def test_a_page_says_when_the_server_has_gone_and_comes_back_with_it(
    start_http: Callable[..., Any], open_page: OpenPage
) -> None:
    server = start_http()
    page = open_page(server.url, server.token)
    server.process.terminate()
    page.wait_for_selector("text=no connection")
    assert "tried again" in page.inner_text("#problems")
    start_http("--port", str(server.port))
    page.wait_for_selector("#token", timeout=15_000)  # to the new server the browser is a stranger


@pytest.mark.alone
def test_a_server_on_stdio_shows_its_one_client(
    start_server: Callable[..., Any], environ: dict[str, str], open_page: OpenPage
) -> None:
    server = start_server("--status", "127.0.0.1:0")
    server.initialize()
    server.wait_until_ready()
    port = int(server.errors.partition("Status pages on http://127.0.0.1:")[2].partition("/")[0])
    token = (Path(environ["XDG_STATE_HOME"]) / "filewarden" / "token").read_text().strip()
    page = open_page(f"http://127.0.0.1:{port}/", token)
    page.wait_for_function("document.getElementById('clients').innerText.includes('stdio')")
    pid = server.wait_until_ready()["workers"][0]["pid"]
    os.kill(pid, signal.SIGKILL)
    page.wait_for_function(
        "pid => !document.getElementById('workers').innerText.includes(pid)", arg=f"pid {pid}", timeout=1000
    )
