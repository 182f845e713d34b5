"""`TwoPeople` on an operation: who agrees, what is done once, and what everybody else is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, SecretStr
from tests.contract.people import People

from steersman.contract.ports import Caller, Context
from steersman.contract.requirements import RequireRole, TwoPeople
from steersman.contract.service import Route, Service
from steersman.contract.testing import Answer
from steersman.model.errors import Forbidden
from steersman.runtime.actions import Approvals, State
from steersman.runtime.identity.accounts import Kind
from steersman.services.identity.manifest import SERVICE as IDENTITY
from steersman.services.secrets.manifest import SERVICE as SECRETS

DONE: list[str] = []


class Order(BaseModel):
    """What is to be burnt, and the word that opens the oven."""

    what: str
    word: SecretStr = SecretStr("")


def burn(context: Context, shelf: str, order: Order) -> dict[str, str]:
    DONE.append(f"{shelf}/{order.what} by {context.caller.subject}")
    return {"burnt": order.what}


async def open_all(context: Context, who: Annotated[Caller, TwoPeople()]) -> dict[str, str]:
    DONE.append(f"opened by {who.subject}")
    return {}


def _route(path: str, handler: Callable[..., Any], **more: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, permission="archive.shelves.write", summary="", **more)


ARCHIVE = Service(
    name="archive",
    help="Shelves.",
    prefixes=("/api/archive",),
    permissions={"archive.shelves.write": "Burn."},
    routes=(
        _route("/api/archive/{shelf}/burn", burn, requires=(TwoPeople(always=True), RequireRole("operator"))),
        _route("/api/archive/open", open_all),
    ),
)
BURN = "/api/archive/north/burn"
OLD = {"what": "old", "word": "sesame"}


class Archive(People):
    """People at the archive."""

    @property
    def approvals(self) -> Approvals:
        found: Approvals = self.harness._platform.house.ports.get(Approvals)
        return found

    def burn(self, token: str, body: Any = OLD) -> Answer:
        return self.call(token, "POST", BURN, body)

    def confirm(self, token: str) -> Any:
        """Agree to the one thing that waits."""
        caller = self.identity.admission.check(token.encode(), "")
        (waiting,) = self.approvals.listed(caller, [State.WAITING], 9)
        return self.approvals.confirm(caller, waiting.id)


@pytest.fixture
def archive(open_harness: Any) -> Iterator[Archive]:
    DONE.clear()
    with open_harness([ARCHIVE]) as harness:
        yield Archive(harness)


@pytest.mark.requirement("ASVS-2.3.5")
def test_what_a_second_person_confirmed_is_done_once_by_whoever_asked(archive: Archive) -> None:
    ines, otto = archive.person("ines"), archive.person("otto")
    assert archive.burn(ines).status == 409
    archive.confirm(otto)
    assert DONE == []
    assert [archive.burn(otto).status, archive.burn(ines).status] == [409, 200]
    assert DONE == ["north/old by ines"]
    archive.approvals.expire()
    assert archive.burn(ines).status == 409, "the yes is used up"


def test_two_who_ask_for_the_same_do_not_agree_by_that(archive: Archive) -> None:
    """Whoever comes second is told whose wish to confirm."""
    archive.burn(archive.person("ines"))
    answer = archive.burn(archive.person("otto"))
    assert answer.status == 409
    assert "confirm the approval" in answer.body["detail"]
    assert DONE == []


def test_another_body_is_another_wish(archive: Archive) -> None:
    """Also where only a secret in it is different, which the second person is not shown."""
    ines, otto = archive.person("ines"), archive.person("otto")
    archive.burn(ines)
    seen = archive.confirm(otto)
    assert "sesame" not in str(seen)
    assert archive.burn(ines, {**OLD, "word": "other"}).status == 409
    assert archive.burn(ines, {"what": "new"}).status == 409
    assert DONE == []


def test_what_is_not_valid_waits_for_nobody(archive: Archive) -> None:
    assert archive.burn(archive.person("ines"), {"whom": 1}).status == 400
    assert archive.approvals.expire() == 0
    assert archive.burn(archive.person("viewer", "viewer")).status == 403


@pytest.mark.parametrize("loser", ["ines", "otto"])
def test_who_lost_the_right_before_it_is_done_takes_the_agreement_along(archive: Archive, loser: str) -> None:
    """The one who agreed as much as the one who asked; the agreement does not come back with the right."""
    tokens = {name: archive.person(name) for name in ("ines", "otto")}
    archive.burn(tokens["ines"])
    archive.confirm(tokens["otto"])
    archive.roles(loser, "viewer")
    assert archive.burn(tokens["ines"]).status == (403 if loser == "ines" else 409)
    archive.roles(loser, "operator")
    if loser == "otto":
        assert archive.burn(tokens["ines"]).status == 409
        assert DONE == []


def test_programs_and_oneself_agree_to_nothing(archive: Archive) -> None:
    """A key of one's own, a key of another, a service account, a second session."""
    ines = archive.person("ines")
    archive.person("otto"), archive.person("robot", kind=Kind.SERVICE)
    archive.burn(ines)
    for token in (archive.key_of("ines"), archive.key_of("otto"), archive.key_of("robot"), archive.signed_in("ines")):
        with pytest.raises(Exception, match=r"two people|your own"):
            archive.confirm(token)
    assert archive.burn(ines).status == 409
    assert DONE == []


@pytest.mark.parametrize("way", ["added", "password"])
def test_an_account_of_ones_own_making_is_no_second_person_for_a_day(
    open_harness: Any, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whoever may give out accounts could otherwise be two people by themselves within a minute."""
    with open_harness([ARCHIVE, IDENTITY]) as harness:
        people = Archive(harness)
        ines = people.person("ines", "admin", "operator")
        new = {"name": "puppet", "kind": "person", "password": "a green kettle sings", "roles": ["operator"]}
        if way == "added":
            made = people.call(ines, "POST", "/api/identity/users", new).body
            people.accounts["puppet"] = made["id"]
        else:
            people.person("puppet")
            taken = people.call(
                ines, "PUT", "/api/identity/users/puppet/password", {"password": "a green kettle sings"}
            )
            assert taken.status == 200
        people.burn(ines)
        with pytest.raises(Forbidden, match="a third person"):
            people.confirm(people.signed_in("puppet"))
        clock = people.identity.ports.clock
        later = clock.wall_ns() + 25 * 3600 * 1_000_000_000
        monkeypatch.setattr(type(clock), "wall_ns", lambda _self: later)
        ines, puppet = people.signed_in("ines"), people.signed_in("puppet")
        people.burn(ines)
        people.confirm(puppet)
        assert people.burn(ines).status == 200


def test_the_owner_asks_two_people_where_an_operation_offers_it(open_harness: Any, tmp_path: Any) -> None:
    """Off by default; on by the name of the operation or of its permission, and the document says which."""
    DONE.clear()
    path = "/api/archive/open"
    for named, status, marked in (
        ((), 200, "offered"),
        (("archive.open_all",), 409, "asked"),
        (("archive.s*",), 409, "asked"),
    ):
        with open_harness([ARCHIVE], {"four_eyes": named, "data": tmp_path / f"d{len(str(named))}"}) as harness:
            people = Archive(harness)
            ines = people.person("ines", "admin")
            assert people.call(ines, "POST", path).status == status
            paths = people.call(ines, "GET", "/openapi.json").body["paths"]
            assert paths[path]["post"]["x-four-eyes"] == marked
            assert paths["/api/archive/{shelf}/burn"]["post"]["x-four-eyes"] == "asked"
    assert len(DONE) == 1


def test_a_secret_is_shown_to_whoever_asked_with_both_names_in_the_record(open_harness: Any) -> None:
    with open_harness([SECRETS], {"four_eyes": ("secrets.values.reveal",)}) as harness:
        people = Archive(harness)
        ines, otto = people.person("ines", "admin"), people.person("otto", "admin")
        path = "/api/secrets/values/door"
        assert people.call(ines, "PUT", path, {"value": "open sesame"}).status == 200
        assert people.call(ines, "GET", path).status == 409
        people.confirm(otto)
        assert people.call(ines, "GET", path).body["value"] == "open sesame"
        assert people.call(ines, "GET", path).status == 409
        (used,) = (entry for entry in harness.journal() if entry.type == "approval.used")
        both = (used.payload["asked_by"], used.payload["answered_by"])
        assert both == (people.accounts["ines"], people.accounts["otto"])
