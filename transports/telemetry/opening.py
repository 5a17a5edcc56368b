"""The tracer that the settings ask for: its collector, and what a confined front-end needs to reach it."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from filewarden.broker.log import Log
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.sections.telemetry import TelemetrySettings
from filewarden.transports.reach import Reach, reach_of_address
from filewarden.transports.telemetry.ended_call import EndedCall
from filewarden.transports.telemetry.tracer import Export, Tracer

if TYPE_CHECKING:
    import requests

TRACES_PATH = "/v1/traces"
"""Where a collector takes them, unless the address says another path (OTLP specification, OTLP/HTTP request)."""
SEND_S = 5
LONGEST_REASON = 200


def open_tracer(settings: TelemetrySettings, transport: str, log: Log) -> Tracer:
    """Load what sends, while there are rights to do so.

    Raises:
        ConfigError: the extra is not installed.
    """
    export = _exporter(_endpoint(settings.otlp_endpoint), transport, log.server)
    return Tracer(export, log, queue=settings.queue, sample_ratio=settings.sample_ratio)


def reach_of_collector(settings: TelemetrySettings) -> Reach:
    """What a confined front-end needs: the resolver and the collector's port."""
    return reach_of_address(settings.otlp_endpoint)


def _endpoint(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=parts.path if parts.path.strip("/") else TRACES_PATH))


def _exporter(endpoint: str, transport: str, server: str) -> Export:
    try:
        import requests
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult

        from filewarden.transports.telemetry.spans import SpanMaker
    except ImportError as error:
        sentence = f"needs what the extra brings: pip install 'filewarden[otel]' ({error})"
        raise ConfigError([Problem("telemetry.otlp_endpoint", "", sentence)]) from None
    _quieten()
    maker = SpanMaker(transport, server)
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=SEND_S, session=_session(requests.Session()))
    exporter.export([])  # loads the rest of what it takes, and sends nothing

    def export(batch: Sequence[EndedCall]) -> str:
        try:
            done = exporter.export([span for call in batch for span in maker.spans(call)])
        except Exception as error:  # whatever goes wrong in there must not end the thread, and with it all sending
            return repr(error)[:LONGEST_REASON]
        return "" if done is SpanExportResult.SUCCESS else f"{endpoint} does not take them"

    return export


def _session(session: "requests.Session") -> "requests.Session":
    """To the collector and nowhere else: no redirect, no proxy and no password of the environment or of a file."""
    session.trust_env = False
    session.max_redirects = 0
    return session


def _quieten() -> None:
    """What it would print we say ourselves, in one line when the state changes."""
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
