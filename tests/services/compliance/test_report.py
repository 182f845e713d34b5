"""What a report claims, and above all what it does not."""

from __future__ import annotations

import json

import pytest

from steersman.model.errors import InvalidInput, Permanent
from steersman.services.compliance.logic.catalogue import outdated, read_catalogue, unknown_ids, version_key
from steersman.services.compliance.logic.judging import automated, judged
from steersman.services.compliance.logic.junit import by_test, read_results
from steersman.services.compliance.logic.writing import as_html, as_markdown, as_text
from steersman.services.compliance.model import Looked, Standard, State
from steersman.services.compliance.store.files import catalogue, evidence

TOML = '[chapters]\n6 = "Authentication"\n[requirements]\n"6.2.1" = [1, "Long | passwords"]\n"6.2.5" = [3, "<b>"]\n'
DECLARED = "[not_applicable]\n[process]\n[deviations]\n"
TEST = "tests/a/test_b.py::test_c"


def small(declared: str = DECLARED):
    return read_catalogue({Standard.ASVS: TOML}, declared)


def look(holds: bool | None) -> Looked:
    return Looked(name="length", requirements=["ASVS-6.2.1"], holds=holds, words="long enough")


def state_of(report, id: str = "ASVS-6.2.1") -> State:
    return next(one.state for one in report.findings if one.id == id)


def test_the_catalogue_has_as_many_requirements_of_each_level_as_the_standard():
    """ASVS 5.0.0 has 70 of level 1, 183 of level 2 and 92 of level 3, 345 in 17 chapters."""
    levels = [one.level for one in catalogue().requirements if one.standard is Standard.ASVS]
    assert [levels.count(level) for level in (1, 2, 3)] == [70, 183, 92]


def test_the_numbers_of_every_section_run_without_a_gap():
    sections: dict[str, list[int]] = {}
    for one in catalogue().requirements:
        if one.standard is Standard.ASVS:
            section, _, number = one.id.rpartition(".")
            sections.setdefault(section, []).append(int(number))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in sections.values())


def test_no_test_is_tagged_with_an_id_that_no_standard_has():
    assert unknown_ids(catalogue(), evidence()) == []


def test_what_nothing_shows_is_open():
    assert state_of(judged(small(), {}, [])) is State.OPEN


def test_what_could_not_be_seen_is_no_evidence():
    assert state_of(judged(small(), {}, [look(None)])) is State.OPEN


def test_a_look_that_found_the_opposite_outweighs_every_test():
    report = judged(small(), {"ASVS-6.2.1": [TEST]}, [look(holds=False)])
    assert state_of(report) is State.FAILING
    assert automated(report, Standard.ASVS) == 0


def test_a_declared_deviation_is_not_counted_as_met():
    declared = '[not_applicable]\n[process]\n[deviations]\n"ASVS-6.2.1" = "on purpose"\n'
    report = judged(small(declared), {"ASVS-6.2.1": [TEST]}, [])
    assert state_of(report) is State.DEVIATION
    assert automated(report, Standard.ASVS) == 0


def test_a_declaration_about_an_unknown_requirement_is_refused():
    with pytest.raises(Permanent, match=r"ASVS-9\.9\.9"):
        small('[not_applicable]\n[process]\n[deviations]\n"ASVS-9.9.9" = ""\n')


def test_only_tests_that_passed_in_the_given_run_count():
    tags = {"ASVS-6.2.1": [TEST]}
    assert state_of(judged(small(), tags, [], results={TEST: True})) is State.TESTS
    assert state_of(judged(small(), tags, [], results={})) is State.OPEN
    assert state_of(judged(small(), tags, [], results={TEST: False})) is State.FAILING


def test_a_test_with_one_failed_or_skipped_case_did_not_pass():
    xml = (
        '<testsuites><testsuite><testcase classname="tests.a.test_b" name="test_c[1]"/>'
        '<testcase classname="tests.a.test_b" name="test_c[2]"><skipped/></testcase></testsuite></testsuites>'
    )
    assert by_test(read_results(xml), [TEST]) == {TEST: False}


@pytest.mark.requirement("ASVS-1.5.1")
def test_results_with_an_entity_are_refused_unread():
    bomb = '<!DOCTYPE a [<!ENTITY x "xxxxxxxx"><!ENTITY y "&x;&x;">]><testsuites>&y;</testsuites>'
    outside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuites>&x;</testsuites>'
    for text in (bomb, outside, "no xml at all"):
        with pytest.raises(InvalidInput):
            read_results(text)


def test_level_three_is_left_out_unless_asked_for():
    assert [one.id for one in judged(small(), {}, []).findings] == ["ASVS-6.2.1"]
    assert len(judged(small(), {}, [], highest=3).findings) == 2


@pytest.mark.requirement("ASVS-1.2.1")
def test_every_form_escapes_what_it_is_told():
    report = judged(small(), {"ASVS-6.2.1": ["<script>|"]}, [], highest=3)
    assert "<script>" not in as_html(report)
    assert "&lt;b&gt;" in as_html(report)
    assert "Long \\| passwords" in as_markdown(report)
    assert "ASVS-6.2.1" in as_text(report)
    assert json.loads(report.model_dump_json())["counts"]["asvs"] == {"tests": 1, "open": 1}


def test_what_is_below_its_floor_is_named_with_the_vulnerability():
    floors = '[minimums]\n"jinja2" = ["3.1.6", "CVE-2025-27516", "the sandbox is left"]\n'
    assert "CVE-2025-27516" in outdated(floors, {"jinja2": "3.1.5"})[0]
    assert outdated(floors, {"jinja2": "3.1.6"}) == outdated(floors, {}) == []


@pytest.mark.parametrize(("older", "newer"), [("1.9", "1.10"), ("2.0rc1", "2.0.1"), ("0.49", "0.49.1")])
def test_versions_are_compared_by_number(older: str, newer: str):
    assert version_key(older) < version_key(newer)
    assert version_key("2.1.0") == version_key("2.1")
