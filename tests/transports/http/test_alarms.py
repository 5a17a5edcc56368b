"""What operators get for Prometheus and Grafana speaks of metrics that exist, and the documented table is the rules."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from filewarden.broker.status import Report
from filewarden.transports.http.metrics import exposition

REPOSITORY = Path(__file__).parents[3]
RULES = REPOSITORY / "deploy" / "prometheus" / "filewarden-alerts.yml"
SCRAPE = REPOSITORY / "deploy" / "prometheus" / "prometheus.yml"
DASHBOARD = REPOSITORY / "deploy" / "grafana" / "filewarden.json"
ALARMS = REPOSITORY / "docs" / "alarms.md"
OF_PROMETHEUS = {"up", "instance", "job"}
WORDS = {
    "sum", "min", "max", "rate", "increase", "histogram_quantile", "label_values", "by", "instance", "__rate_interval",
}  # fmt: skip
ROW = re.compile(r"\| (.+)<br>\*\*(\w+)\*\* \| `(.+)` \| (at once|\w+) \| (\w+) \| .{30,} \|")


@pytest.fixture
def exported(report: Report) -> dict[str, dict[str, set[str]]]:
    """The labels of each series, by its name, with their values."""
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(exposition(report, "")[0].decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queries() -> Iterator[str]:
    """Every expression that anybody is given."""
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_every_query_names_series_and_labels_that_exist(exported: dict[str, dict[str, set[str]]]) -> None:
    for query in queries():
        bare = re.sub(r'"[^"]*"', "", query)
        names = set(re.findall(r"filewarden_\w+", bare))
        assert names <= exported.keys(), query
        known = {label for name in names for label in exported[name]} | OF_PROMETHEUS
        assert set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)(?!=)", bare)) <= known, query
        for labels in re.findall(r"by \(([^)]*)\)", bare):
            assert set(re.split(r",\s*", labels)) <= known, query


def test_every_value_that_a_rule_waits_for_can_occur(exported: dict[str, dict[str, set[str]]]) -> None:
    """As far as a label has all its values from the start; tools and outcomes come with their calls."""
    for query in queries():
        for name, matchers in re.findall(r"(filewarden_\w+)\{([^}]*)\}", query):
            for label, values in re.findall(r'(\w+)=~?"([^"$]*)"', matchers):
                if label not in ("tool", "outcome", "instance"):
                    assert set(values.split("|")) <= exported[name][label], query


def test_brackets_close_and_nothing_unknown_is_called() -> None:
    for query in queries():
        bare = re.sub(r'"[^"]*"', "", query)
        for opening, closing in ("()", "{}", "[]"):
            assert bare.count(opening) == bare.count(closing), query
        assert set(re.findall(r"([a-z_]+)\(", bare)) <= WORDS, query


def test_the_documented_table_is_the_rules() -> None:
    rows = [row for line in ALARMS.read_text().splitlines() if (row := ROW.fullmatch(line))]
    documented = {
        name: (expr.replace("\\|", "|"), "0m" if wait == "at once" else wait, severity, symptom.replace("`", ""))
        for symptom, name, expr, wait, severity in (row.groups() for row in rows)
    }
    alerts = {
        rule["alert"]: (rule["expr"], rule["for"], rule["labels"]["severity"], rule["annotations"]["summary"])
        for rule in rules()
    }
    assert documented == alerts
    assert len(alerts) >= 15


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert dashboard["schemaVersion"] >= 36
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y) for panel in panels for x, y in cells(panel)]
    assert len(set(taken)) == len(taken), "panels lie on each other"
    assert max(x for x, _ in taken) < 24
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels)


def cells(panel: dict[str, Any]) -> list[tuple[int, int]]:
    return [(x, y) for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])]


def test_the_scrape_brings_the_token_from_a_file_and_loads_the_rules() -> None:
    example = yaml.safe_load(SCRAPE.read_text())
    (job,) = example["scrape_configs"]
    assert job["job_name"] == "filewarden"
    assert job["authorization"]["credentials_file"].startswith("/")
    assert job.get("metrics_path", "/metrics") == "/metrics"
    assert example["rule_files"] == [RULES.name]
