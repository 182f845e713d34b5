"""The examples of privacy for the conformance kit: it has no actions, and speaks of persons by their names."""

from __future__ import annotations

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import Cases, ObjectCase

_PEOPLE = "/api/identity/users"


def _person(ask: Ask, context: Context) -> str:
    made = f"n{context.ports.ids.new()}"
    assert ask("POST", _PEOPLE, {"name": made, "kind": "service"}).status == 201
    return made


CASES = Cases(
    objects={
        "/api/privacy/persons/{name}": ObjectCase(
            make=_person,
            shown=(_PEOPLE,),
            bodies={
                f"POST /api/privacy/persons/{{name}}/{verb}": {"reason": "they asked for it"}
                for verb in ("erase", "hold", "release")
            },
        )
    }
)
