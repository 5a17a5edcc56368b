"""The frozen `Settings` tree; each table of the file is a module of `sections`: every default, bound and sentence.

Everything else that knows about a setting (flags, variables, messages, the commented file, the schema, the reference)
is derived from its field there. `Meta.extra` may carry `flag` (the command-line flag that sets it), `metavar` (how the
help calls its value) and `is_path` (a leading `~` and relative paths are resolved where it is read).
"""

import msgspec

from filewarden.config.sections.access import AccessSettings
from filewarden.config.sections.audit import AuditSettings
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.config.sections.history import HistorySettings
from filewarden.config.sections.http import HttpSettings
from filewarden.config.sections.limits import LimitSettings
from filewarden.config.sections.log import LogSettings
from filewarden.config.sections.pool import PoolSettings
from filewarden.config.sections.profiles import ProfileSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.config.sections.sandbox import SandboxSettings
from filewarden.config.sections.section import Section
from filewarden.config.sections.status import StatusSettings
from filewarden.config.sections.telemetry import TelemetrySettings
from filewarden.config.sections.tools import ToolSettings
from filewarden.config.sections.writes import WriteSettings


class Settings(Section, frozen=True, kw_only=True):
    """Everything that can be set."""

    roots: tuple[RootSettings, ...] = ()
    profiles: tuple[ProfileSettings, ...] = ()
    access: AccessSettings = msgspec.field(default_factory=AccessSettings)
    pool: PoolSettings = msgspec.field(default_factory=PoolSettings)
    deadlines: DeadlineSettings = msgspec.field(default_factory=DeadlineSettings)
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    writes: WriteSettings = msgspec.field(default_factory=WriteSettings)
    history: HistorySettings = msgspec.field(default_factory=HistorySettings)
    tools: ToolSettings = msgspec.field(default_factory=ToolSettings)
    http: HttpSettings = msgspec.field(default_factory=HttpSettings)
    status: StatusSettings = msgspec.field(default_factory=StatusSettings)
    sandbox: SandboxSettings = msgspec.field(default_factory=SandboxSettings)
    audit: AuditSettings = msgspec.field(default_factory=AuditSettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)
    telemetry: TelemetrySettings = msgspec.field(default_factory=TelemetrySettings)
