from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.model.errors import InvalidInput
from steersman.services.operations.commands.drill.faults import EVENTS, FAULTS
from steersman.services.operations.commands.drill.scenario import OWN_FOLDER, Check, line_of, load_folder, read

_GOOD = """\
name = "one"
about = "Something breaks."

[[fault]]
kind = "crash"
target = "orders"

[fault.cause]
kinds = ["crash"]
entities = ["service:orders"]
affected = ["service:front"]

[[repaired.checks]]
service = "orders"
metric = "process_open_fds"
below = 120

[[allowed]]
action = "workloads.restart"
target = "service:orders"
"""


def _refusal(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        read(text, "one.toml")
    return refused.value.message.splitlines()


def test_a_scenario_says_before_it_runs_what_is_true_and_what_may_be_done() -> None:
    truth = read(_GOOD, "one.toml").truth
    assert not truth.control
    assert truth.causes[0].kinds == {"crash"}
    assert truth.causes[0].affected == {"service:orders", "service:front"}
    assert [(one.action, one.target) for one in truth.permits] == [("workloads.restart", "service:orders")]


@pytest.mark.parametrize(
    ("before", "after", "line", "reason"),
    [
        ('kind = "crash"', 'kind = "crush"', 5, "there is no kind 'crush'"),
        ('target = "orders"', 'target = "ordrs"', 6, "there is no service 'ordrs'"),
        ('kinds = ["crash"]', 'kinds = ["crush"]', 9, "Input should be"),
        ('entities = ["service:orders"]', 'entities = ["orders"]', 10, "no reference"),
        ("below = 120", "beneath = 120", 16, "Extra inputs"),
        ("below = 120", "", 13, "above or below"),
        ('name = "one"', "name = one", 1, "not TOML"),
        ('name = "one"', 'name = "one"\nseconds = "long"', 2, "valid number"),
        ('[[allowed]]\naction = "workloads.restart"\ntarget = "service:orders"\n', "", 1, "which actions are allowed"),
    ],
)
def test_a_mistake_is_refused_with_its_file_line_and_reason(before: str, after: str, line: int, reason: str) -> None:
    (told,) = _refusal(_GOOD.replace(before, after, 1))
    assert told.startswith(f"one.toml:{line}: ")
    assert reason in told


def test_every_mistake_of_a_file_is_told_at_once_in_the_table_that_has_it() -> None:
    second = _GOOD.replace("[[repaired", '[[fault]]\nkind = "hang"\ntarget = "nobody"\n\n[[repaired', 1)
    told = _refusal(second.replace('name = "one"', 'name = "A B"'))
    assert [line.split(":")[1] for line in told] == ["1", "15", "13"]


def test_a_control_permits_nothing_and_a_happening_lies_in_the_topology_and_in_time() -> None:
    control = 'name = "quiet"\nabout = "Nothing."\n'
    assert read(control, "c.toml").control
    assert "without a fault" in _refusal(f'{control}\n[[allowed]]\naction = "*"\n')[0]
    assert "not in the topology" in _refusal(_GOOD.replace("\n\n", '\ntopology = ["database"]\n\n', 1))[0]
    assert "leaves out" in _refusal(_GOOD.replace("\n\n", '\ntopology = ["orders"]\n\n', 1))[0]
    assert "after the end" in _refusal(_GOOD.replace('"crash"\n', '"crash"\nafter_seconds = 80\n', 1))[0]


def test_a_folder_is_refused_as_a_whole_and_names_each_bad_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(_GOOD)
    (tmp_path / "b.toml").write_text("name =")
    (tmp_path / "c.toml").write_text(_GOOD)
    with pytest.raises(InvalidInput, match=r"b\.toml:1: not TOML[^\n]*\n.*c\.toml: the name one is taken by .*a\.toml"):
        load_folder(tmp_path)
    with pytest.raises(InvalidInput, match="holds no scenario"):
        load_folder(tmp_path / "nothing")


def test_the_own_scenarios_use_every_kind_and_are_as_many_as_the_drill_promises() -> None:
    own = load_folder(OWN_FOLDER)
    assert {one.kind for scenario in own for one in scenario.happenings} == {*FAULTS, *EVENTS}
    assert sum(not one.control for one in own) >= 24
    assert sum(one.control for one in own) >= 8
    assert sum(len(one.fault) == 2 for one in own) >= 2
    assert {one.name for one in own} == {file.stem for file in OWN_FOLDER.glob("*.toml")}


@given(st.lists(st.sampled_from(["a", "b", "c"]), unique=True), st.integers(1, 4))
def test_a_key_is_found_in_the_table_of_its_number(keys: list[str], tables: int) -> None:
    lines = [line for number in range(tables) for line in ("[[t]]", *(f"{key} = {number}" for key in keys))]
    for number in range(tables):
        for place, key in enumerate(keys):
            expected = number * (len(keys) + 1) + place + 2
            assert line_of("\n".join(lines), ("t", number, key, "deeper")) == expected


def test_a_check_holds_strictly_on_its_side() -> None:
    check = Check(service="orders", metric="x", above=1, below=3)
    assert [check.holds(value) for value in (1, 2, 3)] == [False, True, False]
