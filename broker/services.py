"""What the conversations of a branch work with."""

import msgspec

from filewarden.broker.announcements import Announcements
from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.protocol.offer import Abilities
from filewarden.broker.reactor import Reactor
from filewarden.broker.task_runs import TaskRuns
from filewarden.broker.vouchers import Vouchers
from filewarden.broker.watches import Watches
from filewarden.broker.watching import Lookouts
from filewarden.workers.catalogue import Catalogue


class Services(msgspec.Struct, kw_only=True):
    """What they share; new settings change it under them."""

    reactor: Reactor
    dispatcher: Dispatcher
    catalogue: Catalogue
    vouchers: Vouchers
    tasks: TaskRuns
    announcements: Announcements
    watches: Watches
    abilities: Abilities
    ask_s: float
    """How long a client may take to answer a question."""
    task_after_s: float
    """How long a call may run before it becomes a task, where its client and its tool allow that."""

    def lookouts(self, caller: Caller) -> Lookouts | None:
        """With what resources are watched for a caller; None where they are not."""
        operation = self.catalogue.operation("resources/subscribe")
        return None if operation is None else Lookouts(self.watches, self.dispatcher, operation, caller)
