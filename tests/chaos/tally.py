"""What became of every request: one answer, to the right caller, in time."""

from collections import Counter

import msgspec

TYPED = frozenset({"timeout", "worker_crashed", "overloaded", "memory_limit", "cancelled"})
"""How a call may end that did nothing wrong, while workers are killed."""
SLACK_S = 0.25
KEPT_EXAMPLES = 20


class Tally:
    """Of all clients together. Broken promises are sentences; none may be there at the end."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.asked = 0
        self.outcomes: Counter[str] = Counter()
        self.broken: list[str] = []
        self.broken_total = 0
        self.slowest_s = 0.0
        self.latencies_s: list[float] = []
        self.lag_s = 0.0
        """How late this process itself was of late: what it measures may be late by that."""

    def breaks(self, sentence: str) -> None:
        """A promise was broken."""
        self.broken_total += 1
        if len(self.broken) < KEPT_EXAMPLES:
            self.broken.append(sentence)

    def answered(self, who: str, expected: str, message: "Message", took_s: float) -> str:
        """One request has its answer; the outcome."""
        outcome, shown = outcome_of(message)
        self.outcomes[outcome] += 1
        self.slowest_s = max(self.slowest_s, took_s)
        if outcome == "ok":
            self.latencies_s.append(took_s)
        if outcome == "ok" and expected and shown != expected:
            self.breaks(f"{who}: asked for {expected}, got {shown}")
        if outcome not in TYPED and outcome != "ok":
            self.breaks(f"{who}: {expected} ended with {outcome}")
        if took_s > self.deadline_s + SLACK_S + self.lag_s:
            self.breaks(f"{who}: {expected or 'mischief'} took {took_s:.3f} s ({outcome}; own lag {self.lag_s:.3f} s)")
        return outcome


class Failure(msgspec.Struct):
    code: str = ""
    retry_after_ms: int = 0


class Facts(msgspec.Struct):
    path: str = ""
    error: Failure | None = None


class Block(msgspec.Struct):
    text: str = ""


class Result(msgspec.Struct, rename="camel"):
    content: tuple[Block, ...] = ()
    structured_content: Facts | None = None
    is_error: bool = False


class RpcError(msgspec.Struct):
    code: int
    message: str = ""


class Message(msgspec.Struct):
    """What a server says: an answer, or something without an id."""

    id: int | str | None = None
    method: str | None = None
    result: Result | None = None
    error: RpcError | None = None


DECODER = msgspec.json.Decoder(Message)


def outcome_of(message: Message) -> tuple[str, str]:
    """How a call ended, and the path that the answer is about: a file's text is its path."""
    if message.error is not None or message.result is None:
        return f"protocol error {message.error}", ""
    facts = message.result.structured_content or Facts()
    if message.result.is_error:
        return (facts.error.code if facts.error else "untyped"), ""
    return "ok", facts.path or "".join(block.text for block in message.result.content)


def retry_after_s(message: Message) -> float:
    """What an answer says of when to come back; 0 where it says nothing."""
    facts = None if message.result is None else message.result.structured_content
    return facts.error.retry_after_ms / 1000 if facts is not None and facts.error is not None else 0.0
