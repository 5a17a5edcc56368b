"""Traces in the making: calls are taken down where they end, and sent by a thread of its own, in batches.

Nothing that serves waits for a collector. The queue is bounded; what finds no room, and what a collector does not
take, is counted. A request that its client does not sample is left out.
"""

import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from filewarden.broker.call import Call
from filewarden.broker.log import Log
from filewarden.broker.protocol.outcome import Outcome
from filewarden.broker.status import TelemetryStatus
from filewarden.transports.telemetry.ended_call import EndedCall, Ids, take_down

BATCH = 256
"""Calls that are sent at once: some 200 KB."""
EVERY_S = 1.0
CLOSE_S = 2.0
"""How long the end of the server waits for what is still to be sent."""

Export = Callable[[Sequence[EndedCall]], str]
"""Sends a batch; the answer is why it could not be sent, or ""."""


class Tracer:
    """Starts to send with `start`, once the server has given its rights up: a thread has those it begins with."""

    def __init__(
        self, export: Export, log: Log, *, queue: int, sample_ratio: float, hang_up: Callable[[], None] = lambda: None
    ) -> None:
        self._export = export
        self._hang_up = hang_up
        self._log = log
        self._most_waiting = queue
        self._sample_ratio = sample_ratio
        self._waiting: deque[EndedCall] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        self._exported = 0
        self._lost = 0
        self._reason: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="traces")

    def record(self, call: Call, outcome: Outcome | None, took_s: float) -> None:
        """A call has ended; None: its caller cancelled it."""
        parent = None if call.origin is None else call.origin.trace
        is_wanted = parent.is_sampled if parent is not None else random.random() < self._sample_ratio  # noqa: S311
        if not is_wanted:
            return
        if len(self._waiting) >= self._most_waiting:
            self._lost += 1
            return
        ended = take_down(call, outcome, took_s, server=self._log.server, ended_ns=time.time_ns(), ids=_new_ids())
        if ended is not None:
            call.trace = ended.trace_id
            self._waiting.append(ended)
            if len(self._waiting) >= BATCH:
                self._wake.set()

    def status(self) -> TelemetryStatus:
        """How it stands."""
        return TelemetryStatus(
            exported_total=self._exported, lost_total=self._lost, waiting=len(self._waiting), reason=self._reason
        )

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def close(self) -> None:
        """Send what is left, for a moment."""
        self._is_closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not (self._is_closing and not self._waiting):
            self._wake.wait(EVERY_S)
            self._wake.clear()
            while self._waiting:
                self._send([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
        self._hang_up()

    def _send(self, batch: Sequence[EndedCall]) -> None:
        reason = self._export(batch) or None
        if reason is None:
            self._exported += len(batch)
        else:
            self._lost += len(batch)
        if reason is not None and self._reason is None:
            self._log.warning("traces cannot be sent", reason=reason)
        elif reason is None and self._reason is not None:
            self._log.info("traces are sent again", calls_lost=self._lost)
        self._reason = reason


def _new_ids() -> Ids:
    """Random, and never all zero (W3C Trace Context)."""
    digits = os.urandom(32).hex()
    return Ids(_nonzero(digits[:32]), _nonzero(digits[32:48]), _nonzero(digits[48:]))


def _nonzero(digits: str) -> str:
    return digits if digits.strip("0") else f"{digits[:-1]}1"
