"""The calls that are refused because the file system of their root hangs, and what is said of it to whom."""

from collections import Counter
from collections.abc import Callable, Sequence

from filewarden.broker.call import Call
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.hung_roots import PROBE_EVERY_S, HungRoots
from filewarden.broker.protocol.outcome import Failed, Reason
from filewarden.workers.errors import Code


class RootClosures:
    """The roots of a server that are closed off, if any is."""

    def __init__(self, roots: CallRoots, log: Callable[[str], None]) -> None:
        self._roots = roots
        self._log = log
        self._hung = HungRoots()
        self.is_any = False
        """Whether calls have to be looked at: mostly not."""

    @property
    def names(self) -> tuple[str, ...]:
        """Which ones."""
        return self._hung.names

    def look(self, stuck: Sequence[Call | None]) -> bool:
        """Take note of the calls whose killed workers do not die; whether a root was closed off for that."""
        if not stuck and not self._hung:
            return False
        counts = Counter(name for call in stuck if call is not None for name in self._roots.of(call.arguments))
        opened = self._hung.observe(counts)
        self.is_any = bool(self._hung)
        for name in opened:
            self._log(
                f"the file system of root {name!r} hangs: {counts[name]} workers that were killed wait in it and do "
                "not die; calls to this root are refused until it answers again"
            )
        return bool(opened)

    def refusal(self, call: Call, now: float) -> Failed | None:
        """Why a call must not try, or None."""
        name = self._hung.refused(self._roots.of(call.arguments), now)
        if name is None:
            return None
        return Failed(
            Code.IO_ERROR,
            f"The file system of {name!r} does not answer, and calls to it have cost workers. Try again later.",
            {"retry_after_ms": round(1000 * PROBE_EVERY_S)},
            Reason.ROOT_HUNG,
        )

    def answered(self, call: Call) -> None:
        """A worker answered a call."""
        for name in self._hung.answered(self._roots.of(call.arguments)):
            self._log(f"the file system of root {name!r} answers again")
        self.is_any = bool(self._hung)
