"""The page of every metric: its name, what it counts, and the labels of its series."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from docs.writer.example_report import example
from docs.writer.markdown import code, page, paragraph, table
from filewarden.transports.http.metrics import families

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

LONGEST_LIST = 12
OPEN = {
    "le": "the bounds of the buckets",
    "outcome": "`ok`, `asked`, `cancelled`, or an [error code](../troubleshooting.md#error-codes)",
    "reason": "see [below](#reasons)",
    "slot": "0, 1, …",
    "tool": "a tool, or another operation",
    "version": "",
}
"""Labels whose values are too many to list, or come with use."""
REASONS_OF = "filewarden_refusals"


def metrics_page() -> str:
    """The whole page."""
    return page("Metrics", "transports/http/metrics.py", _parts())


def _parts() -> Iterator[str]:
    found = list(families(example()))
    yield paragraph(
        "What `/metrics` answers to whoever brings the token: Prometheus text, or OpenMetrics where that is asked for. "
        "Everything is in base units. No label has a value that a client chose, so the number of series has a bound. "
        "[Alarms](../alarms.md) says which of them to watch, and what to do."
    )
    yield table(("metric", "type", "what", "labels"), (_row(family) for family in found))
    yield "## Reasons"
    yield paragraph(
        "What a call or a request was refused for before any worker saw it. "
        "[Refusals](../troubleshooting.md#refusals) says what each means, and what to do."
    )
    (refusals,) = (family for family in found if family.name == REASONS_OF)
    yield "\n".join(f"- `{sample.labels['reason']}`" for sample in refusals.samples)


def _row(family: "Metric") -> tuple[str, str, str, str]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels: dict[str, list[str]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            values = labels.setdefault(label, [])
            if value not in values:
                values.append(value)
    return code(name), family.type, family.documentation, "; ".join(_label(*each) for each in labels.items())


def _label(label: str, values: list[str]) -> str:
    is_listed = label not in OPEN and 1 < len(values) <= LONGEST_LIST
    told = ", ".join(map(code, values)) if is_listed else OPEN.get(label, "")
    return f"{code(label)}: {told}" if told else code(label)
