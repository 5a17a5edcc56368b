"""What must hold after every row of the catalogue."""

import contextlib
import json
import os
import pwd
import re
import threading
import time
import unicodedata
from collections.abc import Iterator

from tests.attacks.attacker import Attacker
from tests.attacks.ground import SMALL, Ground
from tests.attacks.pipe import PipeAttacker
from tests.drivers.busy import BUSY_S
from tests.drivers.messages import Json

ROUTES = ("/sse", "/mcp", "/message")
_TOKEN = re.compile(r"(?<![\w.:~\\)-])/[\w.-]+(?:/[\w.-]+)*")


def assert_alive(attacker: Attacker, census: tuple[int, int]) -> None:
    """A small read within a second, and no process or descriptor that was not there before."""
    begun = time.monotonic()
    assert attacker.text("small.txt") == SMALL
    assert time.monotonic() - begun < 1.0 + BUSY_S
    give_up_at = time.monotonic() + 20
    while (now := attacker.census())[0] != census[0] or now[1] > census[1]:
        assert time.monotonic() < give_up_at, f"processes and descriptors: {census} before, {now} after"
        threading.Event().wait(0.02)


def assert_clean(attacker: Attacker, ground: Ground, errors: bytes) -> None:
    """Nothing of what went out tells what it must not, and all of it is in good order."""
    canary = ground.canary.encode()
    assert canary not in errors
    assert canary not in json.dumps(attacker.status()).encode()
    for line in attacker.new_audit_lines():
        assert canary not in line
        assert not any(unicodedata.category(each).startswith("C") for each in line[:-1].decode()), line
    for word in (b"Traceback", str(ground.outside).encode()):
        assert word not in errors, errors
    asked = b"".join(request for request, _ in attacker.traffic).decode("utf-8", "replace")
    asked += "".join(strings_of(asked))
    inside = str(ground.root)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for _, answer in attacker.traffic:
        assert canary not in answer
        body = answer.removesuffix(b"\n")
        assert not any(byte < 0x20 for byte in body), body[:500]
        if not body:
            continue
        message = json.loads(body)
        for each in message if isinstance(message, list) else [message]:
            assert each.get("jsonrpc") == "2.0" or "status" in each or "error" in each, each
            sentence = sentence_of(each)
            assert "Traceback" not in sentence
            assert user == "root" or user not in sentence
            for path in _TOKEN.findall(sentence):
                assert path in asked or path.startswith(inside) or path in ROUTES, sentence
    if isinstance(attacker, PipeAttacker):
        twice = [each for each, count in attacker.answered.items() if count > 1 and each != "null"]
        attacker.answered.clear()
        assert not twice, "answered twice"


def sentence_of(message: Json) -> str:
    """What an error says."""
    if "error" in message:
        return json.dumps(message["error"], ensure_ascii=False)
    result = message.get("result") or {}
    return result["content"][0]["text"] if isinstance(result, dict) and result.get("isError") else ""


def strings_of(text: str) -> Iterator[str]:
    """The strings of JSON texts, decoded, so that an echo of one can be told from news."""
    for found in re.findall(r'"(?:[^"\\]|\\.){1,5000}"', text):
        with contextlib.suppress(ValueError):
            yield json.loads(found)
