"""Traces of calls, sent to the collector that the operator names (OpenTelemetry, OTLP over HTTP)."""
