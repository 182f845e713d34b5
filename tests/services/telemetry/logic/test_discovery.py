"""Targets from settings and files, and the labels that they get."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from steersman.model.errors import InvalidInput
from steersman.services.telemetry.logic.discovery import TargetGroup, parse_groups, targets_of
from steersman.services.telemetry.model import ScrapeJob, SensesSettings


def only(job: ScrapeJob, *groups: TargetGroup) -> tuple[str, dict[str, str]]:
    targets, errors = targets_of(job, groups)
    assert (len(targets), errors) == (1, [])
    return targets[0].url, dict(targets[0].labels)


def test_target_gets_job_instance_and_default_port() -> None:
    """As Prometheus 2.42 does."""
    assert only(ScrapeJob(job="db", targets=("db1",))) == (
        "http://db1:80/metrics",
        {"job": "db", "instance": "db1:80"},
    )
    assert only(ScrapeJob(job="db", targets=("[::1]",), scheme="https"))[0] == "https://[::1]:443/metrics"


def test_labels_of_a_group_win_over_those_of_the_job() -> None:
    """The job label itself too, which is how one file feeds several jobs."""
    job = ScrapeJob(job="db", labels={"zone": "a", "tier": "x"})
    group = TargetGroup(("db1:9",), (("job", "other"), ("zone", "b"), ("tier", "")))
    assert only(job, group)[1] == {"job": "other", "zone": "b", "instance": "db1:9"}


def test_reserved_labels_set_the_way_of_scraping_and_are_dropped() -> None:
    """They are Prometheus's own."""
    labels = {
        "__scheme__": "https",
        "__metrics_path__": "/probe",
        "__param_module": "tcp x",
        "__scrape_interval__": "1m30s",
        "__scrape_timeout__": "500ms",
        "__meta_file": "f",
    }
    [target], _ = targets_of(
        ScrapeJob(job="p", params={"module": ("icmp",), "a": ("1", "2")}),
        [TargetGroup(("h:1",), tuple(labels.items()))],
    )
    assert target.url == "https://h:1/probe?a=1&a=2&module=tcp%20x"
    assert (target.interval_seconds, target.timeout_seconds) == (90, 0.5)
    assert target.labels == (("instance", "h:1"), ("job", "p"))


def test_target_that_is_named_twice_is_scraped_once() -> None:
    """Two scrapers of one page would write every sample twice."""
    targets, _ = targets_of(ScrapeJob(job="a", targets=("h:1", "h:1")), [TargetGroup(("h:1",))])
    assert len(targets) == 1


@pytest.mark.parametrize("address", ["", "h:1/metrics", "http://h", "::1", "a b", "h:port", "u@h"])
def test_bad_address_is_left_out_with_a_reason(address: str) -> None:
    """The others of the job are scraped all the same."""
    targets, errors = targets_of(ScrapeJob(job="a", targets=(address, "good:1")))
    assert [target.url for target in targets] == ["http://good:1/metrics"]
    assert "not a valid host and port" in errors[0]


def test_json_and_yaml_files_hold_the_same() -> None:
    """An empty YAML file is an empty list."""
    groups = [TargetGroup(("a:1", "b:2"), (("zone", "x"),)), TargetGroup(("c:3",))]
    assert parse_groups('[{"targets":["a:1","b:2"],"labels":{"zone":"x"}},{"targets":["c:3"]}]', yaml=False) == groups
    assert parse_groups("- targets: [a:1, b:2]\n  labels: {zone: x}\n- targets: ['c:3']\n", yaml=True) == groups
    assert parse_groups("", yaml=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        "[1]",
        '[{"targets":"a:1"}]',
        '[{"targets":[1]}]',
        '[{"labels":{"a":1}}]',
        '[{"target":["a:1"]}]',
    ],
)
def test_file_that_is_wrong_anywhere_is_refused_as_a_whole(text: str) -> None:
    """Half a list would end the targets of the other half."""
    with pytest.raises(InvalidInput):
        parse_groups(text, yaml=False)


def test_yaml_that_makes_objects_is_refused() -> None:
    """A target file is data."""
    with pytest.raises(InvalidInput):
        parse_groups("!!python/object/apply:os.system ['true']", yaml=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"scrape": [{"job": "a", "interval_seconds": 5, "timeout_seconds": 6}]},
        {"scrape": [{"job": "a"}, {"job": "a"}]},
        {"scrape": [{"job": "a", "intervall": 5}]},
        {"scrape": [{"job": "a", "bearer_token_file": "t", "basic_auth": {"username": "u", "password_file": "p"}}]},
        {"host": {"process_groups": [{"name": "x", "command": "("}]}},
        {"syslog_tcp": "6514"},
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, object]) -> None:
    """At the start, with the key, and not at the first scrape."""
    with pytest.raises(ValidationError):
        SensesSettings.model_validate(settings)
