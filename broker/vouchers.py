"""What clients carry for us: cursors, the state of a question, and the token that confirms a call.

Each is sealed for one operation, its arguments and one principal. State and tokens expire soon and work once: what a
user agreed to happens at most once. What was spent is remembered until it would have expired anyway.
"""

import os
import time
from collections import OrderedDict
from typing import Any

import msgspec

from filewarden.broker.path_arguments import present
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Succeeded
from filewarden.broker.protocol.principal import profile_of
from filewarden.broker.seal import BadSealError, Seal
from filewarden.workers import wire
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.inquiry import Inputs
from filewarden.workers.tool import Tool

CURSOR_LIFETIME_S = 3600.0
ANSWER_LIFETIME_S = 300.0
NONCE_BYTES = 12
MOST_SPENT = 10_000
"""Beyond it nothing new is believed until something expires: better refused than spent twice."""
_CARRIERS = ("cursor", "confirmation_token")
"""The arguments in which a call brings back what it was given."""
CONFIRMED = {"confirm": {"action": "accept", "content": {"confirm": True}}}
"""What a call that comes back with its token is run with."""


class Spent:
    """The nonces that were used, until they expire."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def spend(self, nonce: bytes, expires_at: float, now: float) -> bool:
        """Use a nonce; False when it was used before."""
        while self._until and next(iter(self._until.values())) < now:
            self._until.popitem(last=False)
        if nonce in self._until or len(self._until) >= MOST_SPENT:
            return False
        self._until[nonce] = expires_at
        return True


class Vouchers:
    """Hands them out and takes them back, for one server or for replicas with the same keys."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._spent: dict[str, Spent] = {}
        """By profile: whoever spends very much costs nobody of another profile the belief in theirs."""

    # Cursors.

    def open_cursor(self, tool: Tool, arguments: msgspec.Struct, principal: str) -> msgspec.Struct:
        """The arguments with the cursor that the operation knows.

        Raises:
            ToolFailure: the cursor is not for this call.
        """
        cursor = getattr(arguments, "cursor", None)
        if cursor is None:
            return arguments
        try:
            state = self._seal.open(cursor, _bound(b"cursor", tool, arguments, principal), time.time())
        except BadSealError:
            raise _bad_cursor() from None
        return msgspec.structs.replace(arguments, cursor=state.decode())

    def close_cursor(self, tool: Tool, arguments: msgspec.Struct, principal: str, outcome: Outcome) -> Outcome:
        """The outcome with its continuation, if it has one, made safe to hand out."""
        if not isinstance(outcome, Succeeded):
            return outcome
        state = getattr(outcome.result, "next_cursor", None)
        if not isinstance(state, str):
            return outcome
        bound = _bound(b"cursor", tool, arguments, principal)
        cursor = self._seal.close(state.encode(), bound, time.time() + CURSOR_LIFETIME_S)
        return msgspec.structs.replace(outcome, result=msgspec.structs.replace(outcome.result, next_cursor=cursor))

    # Questions and confirmations.

    def close_state(self, tool: Tool, arguments: msgspec.Struct, principal: str, asked: Asked) -> Asked:
        """The question with its state, ready for a client that comes back by itself."""
        sealed = self._close_once(_bound(b"state", tool, arguments, principal), asked.state)
        return msgspec.structs.replace(asked, sealed_state=sealed)

    def open_state(self, tool: Tool, arguments: msgspec.Struct, principal: str, sealed: str) -> bytes:
        """The state of the question that was answered.

        Raises:
            BadSealError: it was not given for this call, or was used before.
        """
        return self._open_once(_bound(b"state", tool, arguments, principal), principal, sealed)

    def close_token(self, tool: Tool, arguments: msgspec.Struct, principal: str, asked: Asked) -> Failed:
        """What a client hears that cannot ask its user: how to confirm in a second call."""
        token = self._close_once(_bound(b"token", tool, arguments, principal), asked.state)
        question = next(iter(asked.requests.values())).params.get("message", "")
        return Failed(
            Code.CONFIRMATION_REQUIRED,
            f"Confirmation required: {question} Nothing was changed. Ask the user; if they agree, make the same call "
            f"again within {ANSWER_LIFETIME_S / 60:.0f} minutes with the argument confirmation_token.",
            {"confirmation_token": token},
        )

    def open_token(self, tool: Tool, arguments: msgspec.Struct, principal: str) -> Inputs | None:
        """What a call that brings its token back is run with; None without one.

        Raises:
            ToolFailure: the token was not given for this call, or was used before.
        """
        token = getattr(arguments, "confirmation_token", None)
        if token is None:
            return None
        try:
            return Inputs(CONFIRMED, self._open_once(_bound(b"token", tool, arguments, principal), principal, token))
        except BadSealError:
            raise _bad_token() from None

    def _close_once(self, bound: bytes, state: bytes) -> str:
        return self._seal.close(os.urandom(NONCE_BYTES) + state, bound, time.time() + ANSWER_LIFETIME_S)

    def _open_once(self, bound: bytes, principal: str, sealed: str) -> bytes:
        now = time.time()
        opened = self._seal.open(sealed, bound, now)
        spent = self._spent.setdefault(profile_of(principal), Spent())
        if not spent.spend(opened[:NONCE_BYTES], now + ANSWER_LIFETIME_S, now):
            raise BadSealError
        return opened[NONCE_BYTES:]


def carries(arguments: msgspec.Struct) -> bool:
    """Whether a call brings a cursor or a token back."""
    names = present(type(arguments), _CARRIERS)
    return bool(names) and any(getattr(arguments, name) is not None for name in names)


def is_safe(outcome: Outcome) -> bool:
    """Whether an outcome is an answer that can be handed out as it is: it neither goes on nor asks."""
    return isinstance(outcome, Succeeded) and not isinstance(getattr(outcome.result, "next_cursor", None), str)


def takes_token(tool: Tool) -> bool:
    """Whether a call of it can be confirmed in a second call."""
    return "confirmation_token" in tool.arguments.__struct_fields__


def _bound(kind: bytes, tool: Tool, arguments: msgspec.Struct, principal: str) -> bytes:
    """Everything but what comes and goes between the calls of one question."""
    changing: dict[str, Any] = dict.fromkeys(present(type(arguments), _CARRIERS), None)
    plain = wire.pack(msgspec.structs.replace(arguments, **changing))
    return b"\0".join((kind, principal.encode(), tool.name.encode(), plain))


def _bad_cursor() -> ToolFailure:
    return ToolFailure(
        Code.INVALID_ARGUMENT,
        'Invalid argument "cursor": it is unknown, expired, or was given for other arguments. '
        "Pass next_cursor back unchanged with the same arguments, or start again without it.",
        argument="cursor",
    )


def _bad_token() -> ToolFailure:
    return ToolFailure(
        Code.INVALID_ARGUMENT,
        'Invalid argument "confirmation_token": it is unknown, expired, used before, or was given for other arguments. '
        "Make the call without it to get another.",
        argument="confirmation_token",
    )
