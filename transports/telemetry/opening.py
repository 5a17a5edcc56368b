"""The tracer that the settings ask for: its collector, and what a confined front-end needs to reach it."""

from collections.abc import Sequence

from filewarden.broker.log import Log
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.sections.telemetry import TelemetrySettings
from filewarden.transports.preload import preload
from filewarden.transports.private_file import require_private, unfit
from filewarden.transports.reach import Reach, reach_of_address
from filewarden.transports.telemetry.collector import Collector, NoTrustError
from filewarden.transports.telemetry.ended_call import EndedCall
from filewarden.transports.telemetry.spans import SpanWriter
from filewarden.transports.telemetry.tracer import Tracer

HEADERS_KEY = "telemetry.headers_file"
LARGEST_FILE = 16_384
LATE_IMPORTS = ("encodings.idna", "stringprep")
"""What looking a name up imports by itself."""


def open_tracer(settings: TelemetrySettings, transport: str, log: Log) -> Tracer:
    """Read what it takes, while there are rights to do so.

    Raises:
        ConfigError: the file with headers cannot be used, or there is no authority to trust.
    """
    preload(LATE_IMPORTS)
    try:
        collector = Collector(settings.otlp_endpoint, _headers(settings.headers_file))
    except NoTrustError as error:
        raise ConfigError([Problem("telemetry.otlp_endpoint", "", str(error))]) from None
    writer = SpanWriter(transport, log.server)

    def export(batch: Sequence[EndedCall]) -> str:
        return collector.send(writer.document(batch))

    return Tracer(export, log, queue=settings.queue, sample_ratio=settings.sample_ratio, hang_up=collector.close)


def reach_of_collector(settings: TelemetrySettings) -> Reach:
    """What a confined front-end needs: the resolver and the collector's port."""
    return reach_of_address(settings.otlp_endpoint)


def _headers(path: str) -> dict[str, str]:
    """One `Name: value` a line; empty lines and those that begin with `#` do not count."""
    if not path:
        return {}
    content = require_private(HEADERS_KEY, path, LARGEST_FILE)
    if len(content) > LARGEST_FILE or not content.isascii():
        raise unfit(HEADERS_KEY, path, f"must be at most {LARGEST_FILE} bytes of ASCII")
    lines = [line.strip() for line in content.decode().splitlines()]
    return dict(_header(path, line) for line in lines if line and not line.startswith("#"))


def _header(path: str, line: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in line.partition(":"))
    if not colon or not name.replace("-", "").isalnum() or not value.isprintable():
        raise unfit(HEADERS_KEY, path, 'must have lines such as "Authorization: Bearer TOKEN"')
    return name, value
