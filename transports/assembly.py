"""The broker of a server, put together from what surrounds it.

Most of what a front-end is made of is loaded with this, and not before the launcher knows what it is to prepare.
"""

from collections.abc import Callable, Mapping, Sequence

from filewarden.broker.broker import Broker
from filewarden.broker.call import Witness
from filewarden.broker.call_log import CallLog
from filewarden.broker.reactor import Reactor
from filewarden.transports.surroundings import Surroundings
from filewarden.workers.slices import ANSWERING_S, set_slice


def make_broker(
    surroundings: Surroundings,
    reactor: Reactor,
    transport: str,
    on_broken: Callable[[str], None],
    sealing_keys: Sequence[bytes] = (),
    tokens: Mapping[str, bytes] | None = None,
) -> Broker:
    """The broker for these settings; without `sealing_keys` it makes its own. `tokens`: digests of named ones."""
    set_slice(0, ANSWERING_S)
    return Broker(
        reactor=reactor,
        launched=surroundings.launched,
        settings=surroundings.settings,
        catalogue=surroundings.catalogue,
        transport=transport,
        folder=surroundings.folder,
        log=surroundings.log,
        on_broken=on_broken,
        sealing_keys=sealing_keys,
        tokens=tokens,
        audit=surroundings.audit,
        witnesses=_witnesses(surroundings),
        unread=[CallLog(surroundings.log).record_unread] if surroundings.settings.log.calls else (),
        telemetry=None if surroundings.tracer is None else surroundings.tracer.status,
    )


def _witnesses(surroundings: Surroundings) -> list[Witness]:
    """Who keeps a record of calls beside the audit log: the tracer first, for lines of the log name the trace."""
    found: list[Witness] = [] if surroundings.tracer is None else [surroundings.tracer.record]
    if surroundings.settings.log.calls:
        found.append(CallLog(surroundings.log).record)
    return found
