"""The examples of identity for the conformance kit: one of each kind of what it keeps for a tenant."""

from __future__ import annotations

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import Cases, ObjectCase
from steersman.runtime.identity import sessions

_PEOPLE, _ROLES, _GROUPS = "/api/identity/users", "/api/identity/roles", "/api/identity/groups"
_TENANTS = "/api/identity/tenants"
_PASSWORD = {"password": "a green kettle sings by itself"}
#: An account that the examples give keys to.
_KEEPER = "keeper-of-keys"
_READING = {"permissions": ["identity.users.read"]}
#: An account that the examples give sign-ins to, and a group for the others.
_SITTER, _CREW = "sitter", f"{_GROUPS}/crew"


def _account(ask: Ask, context: Context) -> str:
    made = f"n{context.ports.ids.new()}"
    answer = ask("POST", _PEOPLE, {"name": made, **_PASSWORD})
    assert answer.status == 201, answer
    assert ask("PUT", _CREW, {}).status == 200
    return made


def _role(ask: Ask, context: Context) -> str:
    made = f"r{context.ports.ids.new()}"
    assert ask("PUT", f"{_ROLES}/{made}", _READING).status == 200
    return made


def _group(ask: Ask, context: Context) -> str:
    ask("POST", _PEOPLE, {"name": _KEEPER, "kind": "service"})
    made = f"g{context.ports.ids.new()}"
    assert ask("PUT", f"{_GROUPS}/{made}", {"roles": [], "members": []}).status == 200
    return made


def _key(ask: Ask, _context: Context) -> str:
    # The second time there is one already.
    ask("POST", _PEOPLE, {"name": _KEEPER, "kind": "service"})
    return str(ask("POST", f"{_PEOPLE}/{_KEEPER}/keys", {"scopes": ["identity.users.read"]}).body["id"])


def _session(ask: Ask, context: Context) -> str:
    # The second time there is one already.
    ask("POST", _PEOPLE, {"name": _SITTER, **_PASSWORD})
    account, made = ask("GET", f"{_PEOPLE}/{_SITTER}", None).body["id"], context.ports.ids.new()
    with context.ports.database.transaction() as transaction:
        sessions.begin(transaction, made, account, "", "", context.ports.clock.wall_ns() // 1_000_000)
    return made


def _tenant(ask: Ask, context: Context) -> str:
    made = f"t{context.ports.ids.new()}"
    assert ask("POST", _TENANTS, {"id": made}).status == 201
    return made


CASES = Cases(
    objects={
        f"{_PEOPLE}/{{name}}": ObjectCase(
            make=_account,
            shown=(_PEOPLE, f"{_PEOPLE}/{{}}"),
            bodies={
                f"PATCH {_PEOPLE}/{{name}}": {"disabled": True, "email": "taken@example.org"},
                f"PUT {_PEOPLE}/{{name}}/password": _PASSWORD,
                f"POST {_PEOPLE}/{{name}}/keys": {"scopes": ["identity.users.read"]},
            },
            named=(
                ("PUT", _CREW, {"roles": [], "members": ["{}"]}),
                ("PUT", f"{_CREW}/members/{{}}", None),
                ("DELETE", f"{_CREW}/members/{{}}", None),
            ),
        ),
        f"{_ROLES}/{{name}}": ObjectCase(
            make=_role,
            shown=(_ROLES,),
            bodies={f"PUT {_ROLES}/{{name}}": {"permissions": ["identity.keys.read"]}},
            named=(
                ("POST", _PEOPLE, {"name": "newcomer", "kind": "service", "roles": ["{}"]}),
                ("PUT", f"{_GROUPS}/crew", {"roles": ["{}"], "members": []}),
            ),
        ),
        f"{_GROUPS}/{{name}}": ObjectCase(
            make=_group,
            shown=(_GROUPS,),
            bodies={f"PUT {_GROUPS}/{{name}}": {"roles": ["viewer"], "members": []}},
            named=(
                ("PUT", f"{_GROUPS}/{{}}/members/{_KEEPER}", None),
                ("DELETE", f"{_GROUPS}/{{}}/members/{_KEEPER}", None),
            ),
        ),
        f"{_PEOPLE}/{{name}}/sessions/{{id}}": ObjectCase(
            make=_session,
            shown=(f"{_PEOPLE}/{_SITTER}/sessions",),
            named=(("DELETE", f"{_PEOPLE}/{_SITTER}/sessions/{{}}", None),),
        ),
        "/api/identity/keys/{id}": ObjectCase(make=_key, shown=(f"{_PEOPLE}/{_KEEPER}/keys",)),
        f"{_TENANTS}/{{tenant}}": ObjectCase(
            make=_tenant,
            shown=(_TENANTS, f"{_TENANTS}/{{}}"),
            bodies={f"PATCH {_TENANTS}/{{tenant}}": {"disabled": True}},
        ),
    }
)
