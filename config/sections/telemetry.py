"""The `[telemetry]` table: where traces of calls are sent, if anywhere."""

from typing import Annotated

from msgspec import Meta

from filewarden.config.sections.section import Section


class TelemetrySettings(Section, frozen=True, kw_only=True):
    """Traces of calls for an OpenTelemetry collector; nothing is sent unless it is named here."""

    otlp_endpoint: Annotated[
        str,
        Meta(
            max_length=2000,
            description="Address of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318; without a "
            'path it is /v1/traces. "" sends nothing.',
        ),
    ] = ""
    headers_file: Annotated[
        str,
        Meta(
            max_length=4096,
            description='File with headers for the collector, such as its key, one "Name: value" a line; "" is none.',
            extra={"is_path": True},
        ),
    ] = ""
    sample_ratio: Annotated[
        float,
        Meta(
            ge=0, le=1, description="Share of calls that are traced, of those whose client does not say whether it is."
        ),
    ] = 1.0
    queue: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Calls that may wait to be sent; further ones are not traced.")
    ] = 4096
