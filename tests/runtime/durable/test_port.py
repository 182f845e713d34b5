"""What every DurableWork promises; the fake and the real one run the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import MemoryDurableWork
from steersman.contract.ports import DurableWork
from steersman.model.errors import Conflict, InvalidInput, NotFound
from steersman.runtime.clock import SystemClock
from steersman.runtime.durable.dbos import DbosWork


@pytest.fixture(params=["memory", "dbos"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DurableWork]:
    if request.param == "memory":
        yield MemoryDurableWork()
        return
    real = DbosWork(tmp_path, SystemClock())
    real.open()
    yield real
    real.close()


def test_a_result_comes_back_as_json(work: DurableWork) -> None:
    work.register("pair", lambda key, args: (key, args["n"]))
    work.start("pair", "k", {"n": 1})
    status = work.wait("k", 10.0)
    assert (status.key, status.state, status.result, status.error) == ("k", "done", ["k", 1], None)


def test_the_same_key_runs_once_whatever_its_arguments(work: DurableWork) -> None:
    seen: list[Any] = []
    work.register("note", lambda _key, args: seen.append(args))
    for args in (1, 1, 2):
        work.start("note", "k", args)
        work.wait("k", 10.0)
    assert seen == [1]


def test_what_a_function_raises_is_kept_as_its_failure(work: DurableWork) -> None:
    def refuse(_key: str, _args: Any) -> None:
        raise ValueError("not today")

    work.register("refuse", refuse)
    work.start("refuse", "k", None)
    status = work.wait("k", 10.0)
    assert (status.state, status.error) == ("failed", "ValueError: not today")


def test_a_result_that_is_not_json_is_a_failure(work: DurableWork) -> None:
    work.register("object", lambda _key, _args: object())
    work.start("object", "k", None)
    assert work.wait("k", 10.0).state == "failed"


@pytest.mark.parametrize("args", [{1, 2}, b"bytes", float("nan"), object()])
def test_arguments_that_are_not_json_are_refused(work: DurableWork, args: Any) -> None:
    work.register("any", lambda _key, _args: None)
    with pytest.raises(InvalidInput):
        work.start("any", "k", args)
    with pytest.raises(NotFound):
        work.status("k")


def test_unknown_names_and_keys_are_not_found(work: DurableWork) -> None:
    with pytest.raises(NotFound):
        work.start("nothing", "k", None)
    with pytest.raises(NotFound):
        work.status("never")
    with pytest.raises(NotFound):
        work.wait("never", 0.1)


def test_an_empty_key_is_refused(work: DurableWork) -> None:
    work.register("any", lambda _key, _args: None)
    with pytest.raises(InvalidInput):
        work.start("any", "", None)


def test_a_name_is_registered_once(work: DurableWork) -> None:
    work.register("any", lambda _key, _args: None)
    with pytest.raises(Conflict):
        work.register("any", lambda _key, _args: None)
