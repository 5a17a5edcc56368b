"""What counts at the moment: the settings, those who work by them, and what they are confined to."""

from filewarden.broker.staff import Staff
from filewarden.config.settings import Settings
from filewarden.workers.wire import Report


class InForce:
    """Changed by the broker alone, at a reload and as it stops; `report` is None until a worker was ready."""

    def __init__(self, settings: Settings, staff: Staff) -> None:
        self.settings = settings
        self.staff = staff
        self.report: Report | None = None
        self.is_leaving = False
        """Whether probes are told to ask others."""
        self.is_draining = False
        """Whether no new calls are taken."""
