"""Compare the dashboard and the alert rules with the metrics that there are."""

import json
import re
from pathlib import Path

import yaml

from app.features.metrics import measures
from app.kit.audit.actions import ACTIONS

FOLDER = Path(__file__).parents[1] / "monitoring"
METRIC = re.compile(r"\bapp_\w+")
LABELS = re.compile(r"by \(([^)]*)\)")
FILTER = re.compile(r"\{(\w+)=")
LABEL_NAMES = {label for one in (*measures.COUNTERS, *measures.HISTOGRAMS) for label in one.labels}
LABEL_NAMES |= {label for one in measures.GAUGES for label in one.labels} | {"le"}


def rules():
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels():
    return json.loads((FOLDER / "dashboard.json").read_text())["panels"]


def expressions():
    of_panels = [target["expr"] for panel in panels() for target in panel["targets"]]
    return of_panels + [rule["expr"] for rule in rules()]


def test_expressions_name_metrics_and_labels_that_exist():
    used = set()
    for one in expressions():
        names = set(METRIC.findall(one))
        assert names, one
        assert names <= measures.exposed_names(), one
        used |= names
        labels = {label.strip() for found in LABELS.findall(one) for label in found.split(",")}
        assert labels | set(FILTER.findall(one)) <= LABEL_NAMES, one
        assert one.count("(") == one.count(")"), one
    # Each metric is on the dashboard or in a rule.
    kinds = {re.sub("_(total|bucket|count|sum)$", "", name) for name in used}
    everything = (*measures.COUNTERS, *measures.HISTOGRAMS, *measures.GAUGES)
    assert {one.name for one in everything} == kinds


def test_filters_name_values_that_exist():
    for one in expressions():
        for action in re.findall(r'action="([^"]+)"', one):
            assert action in ACTIONS
        for pattern in re.findall(r'action=~"([^"]+)"', one):
            assert any(re.fullmatch(pattern, action) for action in ACTIONS)


def test_each_rule_says_what_is_wrong_and_what_to_do():
    for rule in rules():
        assert rule["annotations"].keys() == {"summary", "action"}
        assert all(text.endswith(".") for text in rule["annotations"].values())


def test_panels_do_not_overlap():
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in panels()})
