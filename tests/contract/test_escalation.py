"""Nobody ever ends with a permission that neither they had nor somebody gave them who had it and might give it.

A machine does random things to a small platform over HTTP: roles, groups, keys, passwords, programs of third parties,
tenants, forgeries. Beside it runs a model that knows nothing of the platform's code: what roles grant and who may hand
on what is written down here once more. After each step every credential must be able to do exactly what the model says,
every answer must be a yes where the model says yes and a refusal elsewhere, and every gain must have a giver.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller
from steersman.contract.service import Route, Service
from steersman.model.errors import Unauthenticated
from steersman.model.ids import Tenant
from steersman.runtime.house import House
from steersman.runtime.http.assembly import Rules, assemble
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.identity import accounts, sessions, tenants
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.clients import Exchange
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.runtime.tracing import Tracing
from steersman.services.identity.manifest import SERVICE as IDENTITY

PASSWORD, BACK = "a green kettle sings by itself", "https://program.example/back"
DEFAULT = "default"
# What this platform declares, and what its standing roles grant: the model's own list, not the platform's.
USERS, ROLES, KEYS = "identity.users.write", "identity.roles.write", "identity.keys.write"
CROSS, TENANTS = "identity.tenants.cross", "identity.tenants.write"
TENANTED = frozenset(
    {"identity.users.read", USERS, ROLES, "identity.keys.read", KEYS, "probe.own.read", "probe.own.write"}
)
OF_MACHINE = frozenset({CROSS, TENANTS, "identity.tenants.read", "identity.installation.write", "probe.machine.write"})
DECLARED = TENANTED | OF_MACHINE
STANDING = {
    "admin": frozenset({"*"}),
    "operator": frozenset({"probe.own.read", "probe.own.write", "probe.machine.write"}),
    "viewer": frozenset({"probe.own.read"}),
    "manager": frozenset({"probe.own.read", "identity.users.read", USERS, "identity.keys.read", KEYS, "identity.tenants.read"}),
    "user": frozenset(),
    "guest": frozenset(),
}  # fmt: skip


def answer() -> dict[str, str]:
    return {}


PROBE = Service(
    name="probe",
    help="Something to have permissions for.",
    prefixes=("/api/probe",),
    permissions={"probe.own.read": "x", "probe.own.write": "x", "probe.machine.write": "x"},
    tenanted=frozenset({"probe.own.read", "probe.own.write"}),
    routes=(
        Route(method="GET", path="/api/probe/own", handler=answer, permission="probe.own.read", summary="x"),
        Route(method="PUT", path="/api/probe/own", handler=answer, permission="probe.own.write", summary="x"),
        Route(method="PUT", path="/api/probe/machine", handler=answer, permission="probe.machine.write", summary="x"),
    ),
)
SCOPES = st.lists(st.sampled_from([*sorted(DECLARED), "*"]), min_size=1, max_size=4, unique=True)


# ---------------------------------------------------------------------------------------------------------- the model


@dataclass
class Person:
    """An account: whose it is, what it holds by itself, and whether it is let in."""

    tenant: str
    roles: set[str]
    is_person: bool = True
    disabled: bool = False


@dataclass
class Credential:
    """A token in somebody's hands. Scopes narrow a key and a program; `session` is what ends with a session."""

    token: str = field(repr=False)
    account: str
    holder: str
    scopes: frozenset[str] | None = None
    session: bool = True
    id: str = ""
    dead: bool = False


@dataclass
class World:
    """All that decides who may do what."""

    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[tuple[str, str], tuple[set[str], set[str]]] = field(default_factory=dict)
    custom: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    tenants: set[str] = field(default_factory=lambda: {DEFAULT})

    def granted(self, tenant: str, roles: Iterable[str]) -> frozenset[str]:
        found = frozenset().union(
            *(STANDING.get(role) or self.custom.get((tenant, role), frozenset()) for role in roles)
        )
        if tenant == DEFAULT:
            return found
        return TENANTED if "*" in found else found & TENANTED

    def held(self, name: str) -> set[str]:
        tenant = self.people[name].tenant
        inside = [roles for (where, _), (roles, members) in self.groups.items() if where == tenant and name in members]
        return self.people[name].roles.union(*inside)

    def power(self, name: str) -> frozenset[str]:
        return self.granted(self.people[name].tenant, self.held(name))

    def live(self, one: Credential) -> frozenset[str] | None:
        """What a credential may do now; None for one that does not open."""
        person = self.people[one.account]
        if one.dead or person.disabled or person.tenant in self.closed:
            return None
        power = self.power(one.account)
        if one.scopes is None or "*" in one.scopes:
            return power
        return one.scopes if "*" in power else power & one.scopes

    def has_admin(self, tenant: str) -> bool:
        here = (
            name for name, one in self.people.items() if one.tenant == tenant and one.is_person and not one.disabled
        )
        return any("admin" in self.held(name) for name in here)


def spelled_out(tenant: str, permissions: frozenset[str]) -> frozenset[str]:
    """Everything, by its names; in a tenant it is what tenants may have."""
    if "*" not in permissions:
        return permissions
    return DECLARED if tenant == DEFAULT else TENANTED


class No(Exception):
    """The model says that this is refused."""


# ------------------------------------------------------------------------------------------------------- the platform


class Site:
    """The platform with identity and the probe in it, on a database in memory."""

    def __init__(self, folder: Path) -> None:
        provided: dict[type, Any] = {}
        clock, services = FakeClock(), (IDENTITY, PROBE)
        self.ports = fake_ports(folder, clock=clock, provided=provided)
        self.identity = provided[Identity] = Identity.open(self.ports, services, IdentitySettings())
        house = provided[House] = House(services, self.ports, provided)
        self._front = assemble(house, Rules(keys=()), Limits(1 << 20), Traffic(), Tracing(clock))
        self._loop = asyncio.Runner()
        self._loop.run(self._started(house))
        self.now = self.identity.now_ms()
        self.examples = 0
        self.account("the-last-admin", Person(DEFAULT, {"admin"}))

    @staticmethod
    async def _started(house: House) -> None:
        """Have the services ready; none of these keeps anything running."""
        async with house.running():
            pass

    def close(self) -> None:
        self._loop.close()

    def ask(self, token: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        given = {"host": "localhost", "content-type": "application/json", "authorization": f"Bearer {token}", **headers}
        content = b"" if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
            "server": ("127.0.0.1", 7600), "client": ("127.0.0.1", 5),
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        self._loop.run(self._front(scope, receive, send))
        text = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], json.loads(text) if text else None

    def account(self, name: str, person: Person) -> str:
        """Put an account there, and return a token of its own."""
        kind = Kind.PERSON if person.is_person else Kind.SERVICE
        made = self.ports.ids.new()
        account = Account(made, Tenant(person.tenant), name, "", kind, False, self.now, tuple(sorted(person.roles)))
        with self.ports.database.transaction() as transaction:
            accounts.add_account(transaction, account, None)
        return self.signed_in(name)

    def signed_in(self, name: str) -> str:
        """Begin a session of an account, as whoever knows its password does."""
        session = self.ports.ids.new()
        with self.ports.database.transaction() as transaction:
            row = accounts.row_of(transaction, name)
            assert row is not None
            sessions.begin(transaction, session, row.id, "", "", self.now)
        return self.identity.tokens.issue(row.id, session)

    def admitted(self, token: str) -> Caller | None:
        """Who the door says that is, from its memory or else from the database."""
        try:
            return self.identity.admission.known(token.encode()) or self.identity.admission.check(token.encode(), "")
        except Unauthenticated:
            return None

    def consented(self, owner: Caller, client: str, scopes: list[str]) -> str | None:
        """Let a person agree to a program, and the program fetch its token; None where nobody asks them."""
        found = self.identity.delegation.client_for(owner, client)
        if found is None:
            return None
        verifier = "v" * 43
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        code = self.identity.delegation.grant(owner, found, BACK, challenge, scopes)
        return self.identity.delegation.exchange(Exchange(code, client, BACK, verifier), "", "").access


SITE: list[Site] = []


# -------------------------------------------------------------------------------------------------------- the machine


class Escalation(RuleBasedStateMachine):
    """People of three tenants, and whatever they try."""

    @initialize(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        self.site = SITE[0]
        self.site.examples += 1
        mark = self.site.examples
        self.world, self.credentials = World(), list[Credential]()
        self.clients: list[tuple[str, str, str, frozenset[str]]] = []
        self.crews, self.own_roles = [f"crew{mark}", f"gang{mark}"], [f"mine{mark}", f"ours{mark}"]
        self.made, self.had = 0, frozenset[str]()
        self.here = [DEFAULT, f"a{mark}", f"b{mark}"]
        with self.site.ports.database.transaction() as transaction:
            for name in self.here[1:]:
                tenants.add(transaction, tenants.TenantRecord(Tenant(name), "", False, self.site.now))
        self.world.tenants |= set(self.here)
        first = ["admin", "admin", "admin", "manager", "manager"]
        for number, tenant in enumerate((*self.here, *self.here, DEFAULT)):
            role = first[number] if number < len(first) else data.draw(st.sampled_from(sorted(STANDING)), label="role")
            name = f"p{mark}-{number}"
            self.world.people[name] = Person(tenant, {role})
            token = self.site.account(name, self.world.people[name])
            self.credentials.append(Credential(token, name, holder=name))
        self.entitled = {one.holder: self._reach_of(self.world, one.holder) for one in self.credentials}

    # ------------------------------------------------------------------------------------------- what is tried

    @rule(data=st.data())
    def give_roles(self, data: st.DataObject) -> None:
        one, name, named = self._asking(data)
        roles = data.draw(st.lists(st.sampled_from([*sorted(STANDING), *self.own_roles]), max_size=2, unique=True))

        def change(world: World, tenant: str) -> None:
            self._within_reach(world, one, tenant, name)
            self._may_give(world, one, tenant, roles)
            world.people[name].roles = set(roles)

        self._try(one, USERS, named, change, "PATCH", f"/api/identity/users/{name}", {"roles": roles})

    @rule(data=st.data(), disabled=st.booleans())
    def disable(self, data: st.DataObject, disabled: bool) -> None:
        one, name, named = self._asking(data)

        def change(world: World, tenant: str) -> None:
            self._within_reach(world, one, tenant, name)
            world.people[name].disabled = disabled

        done = self._try(one, USERS, named, change, "PATCH", f"/api/identity/users/{name}", {"disabled": disabled})
        if done and disabled:
            self._end_sessions(name)

    @rule(data=st.data())
    def save_group(self, data: st.DataObject) -> None:
        one, group, named = self._who(data), data.draw(st.sampled_from(self.crews)), self._elsewhere(data)
        roles = data.draw(st.lists(st.sampled_from([*sorted(STANDING), *self.own_roles]), max_size=2, unique=True))
        members = data.draw(st.lists(st.sampled_from(sorted(self.world.people)), max_size=2, unique=True))

        def change(world: World, tenant: str) -> None:
            before = world.groups.get((tenant, group), (set(), set()))
            self._may_give(world, one, tenant, roles)
            self._may_give(world, one, tenant, before[0])
            for member in {*members, *before[1]}:
                self._within_reach(world, one, tenant, member)
            world.groups[tenant, group] = (set(roles), set(members))

        self._try(
            one, USERS, named, change, "PUT", f"/api/identity/groups/{group}", {"roles": roles, "members": members}
        )

    @rule(data=st.data(), inside=st.booleans())
    def move_into_group(self, data: st.DataObject, inside: bool) -> None:
        """Whoever looks after a group puts somebody in, or out: themselves, above all."""
        one, group, named = self._who(data), data.draw(st.sampled_from(self.crews)), self._elsewhere(data)
        name = data.draw(st.sampled_from([one.account, self._somebody(data, one)]), label="member")

        def change(world: World, tenant: str) -> None:
            if (tenant, group) not in world.groups:
                raise No
            roles, members = world.groups[tenant, group]
            self._may_give(world, one, tenant, roles)
            self._within_reach(world, one, tenant, name)
            (members.add if inside else members.discard)(name)

        path = f"/api/identity/groups/{group}/members/{name}"
        self._try(one, USERS, named, change, "PUT" if inside else "DELETE", path)

    @rule(data=st.data())
    def drop_group(self, data: st.DataObject) -> None:
        one, group, named = self._who(data), data.draw(st.sampled_from(self.crews)), self._elsewhere(data)

        def change(world: World, tenant: str) -> None:
            if (tenant, group) not in world.groups:
                raise No
            roles, members = world.groups.pop((tenant, group))
            self._may_give(world, one, tenant, roles)
            for member in members:
                # Whether they are within reach is asked with the group still there.
                self._within_reach(self.world, one, tenant, member)

        self._try(one, USERS, named, change, "DELETE", f"/api/identity/groups/{group}")

    @rule(data=st.data(), permissions=SCOPES)
    def save_role(self, data: st.DataObject, permissions: list[str]) -> None:
        one, named = self._who(data), self._elsewhere(data)
        role = data.draw(st.sampled_from([*self.own_roles, "viewer"]))

        def change(world: World, tenant: str) -> None:
            if role in STANDING:
                raise No
            self._owns(world, one, tenant, frozenset(permissions))
            self._owns(world, one, tenant, world.custom.get((tenant, role), frozenset()))
            world.custom[tenant, role] = frozenset(permissions)

        self._try(one, ROLES, named, change, "PUT", f"/api/identity/roles/{role}", {"permissions": permissions})

    @rule(data=st.data())
    def drop_role(self, data: st.DataObject) -> None:
        one, role, named = self._who(data), data.draw(st.sampled_from(self.own_roles)), self._elsewhere(data)

        def change(world: World, tenant: str) -> None:
            if (tenant, role) not in world.custom:
                raise No
            self._owns(world, one, tenant, world.custom.pop((tenant, role)))
            for person in world.people.values():
                if person.tenant == tenant:
                    person.roles.discard(role)
            for (where, _), (roles, _members) in world.groups.items():
                if where == tenant:
                    roles.discard(role)

        self._try(one, ROLES, named, change, "DELETE", f"/api/identity/roles/{role}")

    @rule(data=st.data(), scopes=SCOPES)
    def make_key(self, data: st.DataObject, scopes: list[str]) -> None:
        """For somebody else, and so to have it oneself."""
        one, name, named = self._asking(data)

        def change(world: World, tenant: str) -> None:
            self._owns(world, one, tenant, frozenset(scopes))
            self._within_reach(world, one, tenant, name)

        path, wish = f"/api/identity/users/{name}/keys", {"scopes": scopes}
        if made := self._try(one, KEYS, named, change, "POST", path, wish):
            self._obtain(Credential(made["key"], name, one.holder, frozenset(scopes), session=False, id=made["id"]))

    @rule(data=st.data(), scopes=SCOPES)
    def make_own_key(self, data: st.DataObject, scopes: list[str]) -> None:
        one = self._who(data)

        def change(world: World, _tenant: str) -> None:
            may = self._live(world, one)
            if one.scopes is not None or not ("*" in may or set(scopes) <= may):
                raise No

        if made := self._try(one, "", "", change, "POST", "/auth/keys", {"scopes": scopes}):
            key = Credential(made["key"], one.account, one.holder, frozenset(scopes), session=False, id=made["id"])
            self._obtain(key)

    @rule(data=st.data())
    def revoke_key(self, data: st.DataObject) -> None:
        keys = [key for key in self.credentials if key.id and not key.dead]
        if not keys:
            return
        one, key, named = self._who(data), data.draw(st.sampled_from(keys)), self._elsewhere(data)

        def change(world: World, tenant: str) -> None:
            self._within_reach(world, one, tenant, key.account)

        if self._try(one, KEYS, named, change, "DELETE", f"/api/identity/keys/{key.id}"):
            key.dead = True

    @rule(data=st.data())
    def set_password(self, data: st.DataObject) -> None:
        """Whoever sets a password can sign in with it."""
        one, name, named = self._asking(data)

        def change(world: World, tenant: str) -> None:
            self._within_reach(world, one, tenant, name)
            if not world.people[name].is_person:
                raise No

        path = f"/api/identity/users/{name}/password"
        if self._try(one, USERS, named, change, "PUT", path, {"password": PASSWORD}):
            self._end_sessions(name)
            if not self.world.people[name].disabled:
                self._obtain(Credential(self.site.signed_in(name), name, one.holder))

    @rule(data=st.data(), service=st.booleans())
    def add_account(self, data: st.DataObject, service: bool) -> None:
        one, named = self._who(data), self._elsewhere(data)
        roles = data.draw(st.lists(st.sampled_from([*sorted(STANDING), *self.own_roles]), max_size=2, unique=True))
        self.made += 1
        name = f"n{self.site.examples}-{self.made}"

        def change(world: World, tenant: str) -> None:
            self._may_give(world, one, tenant, roles)
            world.people[name] = Person(tenant, set(roles), is_person=not service)

        kind = {"kind": "service"} if service else {"kind": "person", "password": PASSWORD}
        done = self._try(
            one, USERS, named, change, "POST", "/api/identity/users", {"name": name, "roles": roles, **kind}
        )
        if done and not service:
            self._obtain(Credential(self.site.signed_in(name), name, one.holder))

    @rule(data=st.data(), scopes=SCOPES)
    def register_program(self, data: st.DataObject, scopes: list[str]) -> None:
        one = self._who(data)

        def change(world: World, _tenant: str) -> None:
            may = self._live(world, one)
            if not ("*" in may or set(scopes) <= may):
                raise No

        wish = {"name": "a program", "redirect_uris": [BACK], "scopes": scopes}
        if made := self._try(one, ROLES, "", change, "POST", "/auth/clients", wish):
            tenant = self.world.people[one.account].tenant
            self.clients.append((made["client_id"], tenant, one.holder, frozenset(scopes)))

    @rule(data=st.data(), asked=SCOPES)
    def agree_to_program(self, data: st.DataObject, asked: list[str]) -> None:
        """A person lets a program act for them: its owner has what both may, and they agreed to."""
        signed_in = [one for one in self.credentials if one.scopes is None and self.world.live(one) is not None]
        if not self.clients or not signed_in:
            return
        client, tenant, holder, most = data.draw(st.sampled_from(self.clients), label="client")
        one = data.draw(st.sampled_from(signed_in), label="agrees")
        owner = self.site.admitted(one.token)
        assert owner is not None
        may, wanted = self._live(self.world, one), frozenset(asked) & most
        token = self.site.consented(owner, client, sorted(wanted))
        assert (token is None) is (tenant != self.world.people[one.account].tenant)
        if token is not None:
            scopes = frozenset(scope for scope in wanted or most if scope in may or "*" in may)
            program = Credential(token, one.account, holder, scopes)
            self.credentials.append(program)
            # Whoever agreed gave it, and had it.
            self.entitled[holder] |= self._pairs(self.world, program)

    @rule(data=st.data(), disabled=st.booleans())
    def disable_tenant(self, data: st.DataObject, disabled: bool) -> None:
        one, tenant = self._who(data), data.draw(st.sampled_from(self.here))

        def change(world: World, _tenant: str) -> None:
            if tenant == DEFAULT and disabled:
                raise No
            (world.closed.add if disabled else world.closed.discard)(tenant)

        self._try(one, TENANTS, "", change, "PATCH", f"/api/identity/tenants/{tenant}", {"disabled": disabled})

    @rule(data=st.data())
    def pretend(self, data: st.DataObject) -> None:
        """Say in a token, a header or a body who one is."""
        one = self._who(data)
        name = self._somebody(data, one)
        head, _, rest = one.token.partition(".")
        if rest:
            claims = json.loads(base64.urlsafe_b64decode(rest.partition(".")[0] + "=="))
            forged = base64.urlsafe_b64encode(json.dumps({**claims, "sub": name}).encode()).rstrip(b"=").decode()
            assert self.site.ask(f"{head}.{forged}.{rest.partition('.')[2]}", "GET", "/auth/me")[0] == 401
        status, me = self.site.ask(one.token, "GET", "/auth/me", x_tenant=DEFAULT, x_forwarded_user=name, x_user=name)
        may = self.world.live(one)
        assert (status == 401) is (may is None)
        if may is not None:
            assert (me["subject"], me["tenant"]) == (one.account, self.world.people[one.account].tenant)
            assert frozenset(me["permissions"]) == may
        body = {"roles": ["admin"], "tenant": DEFAULT, "permissions": ["*"]}
        assert self.site.ask(one.token, "PATCH", f"/api/identity/users/{one.account}", body)[0] >= 400

    # --------------------------------------------------------------------------------------- what always holds

    @invariant()
    def everybody_may_what_the_model_says(self) -> None:
        for one in getattr(self, "credentials", ()):
            caller, may = self.site.admitted(one.token), self.world.live(one)
            assert (None if caller is None else caller.permissions) == may, one
            if may is not None and one.scopes is not None and "*" not in one.scopes:
                assert may <= one.scopes

    @invariant()
    def nobody_has_what_nobody_gave_them(self) -> None:
        for holder, given in getattr(self, "entitled", {}).items():
            assert self._reach_of(self.world, holder) <= given, holder

    # ------------------------------------------------------------------------------------ how the model decides

    def _try(
        self, one: Credential, right: str, named: str, change: Callable[[World, str], None], method: str, path: str, body: Any = None
    ) -> Any:  # fmt: skip
        """Ask for it; the answer has to be the model's, and every gain has to be the asker's to give."""
        after = copy.deepcopy(self.world)
        try:
            tenant = self._tenant_of(one, right, named)
            admins = self.world.has_admin(tenant)
            change(after, tenant)
            allowed = tenant == DEFAULT or not admins or after.has_admin(tenant)
        except No:
            allowed = False
        status, answer = self.site.ask(one.token, method, f"{path}?tenant={named}" if named else path, body)
        assert (status < 300) is allowed, (method, path, named, body, status, answer, one)
        assert status < 500, answer
        if not allowed:
            return None
        self._assert_given(one, right, after)
        self.world = after
        return answer or True

    def _assert_given(self, one: Credential, right: str, after: World) -> None:
        """Whatever anybody gained, the asker had, and had the right to give; whoever holds it now is entitled to it."""
        before, may = self.world, self._live(self.world, one)
        self.had = have = spelled_out(before.people[one.account].tenant, may)
        for other in self.credentials:
            gained = self._pairs(after, other) - self._pairs(before, other)
            if other.account in before.people and before.live(other) is None:
                # It opens again: what it could do is nothing new to whoever held it.
                gained -= self.entitled[other.holder]
            assert {permission for _, permission in gained} <= have, (one, other, gained)
            assert not gained or not right or right in have
            self.entitled[other.holder] |= gained

    def _obtain(self, made: Credential) -> None:
        """A new credential in the asker's hands does nothing that the one they asked with did not do."""
        assert {permission for _, permission in self._pairs(self.world, made)} <= self.had, made
        self.credentials.append(made)
        self.entitled[made.holder] |= self._pairs(self.world, made)

    def _tenant_of(self, one: Credential, right: str, named: str) -> str:
        may, own = self._live(self.world, one), self.world.people[one.account].tenant
        if right and right not in may and "*" not in may:
            raise No
        if named in {"", own}:
            return own
        if own != DEFAULT or not (CROSS in may or "*" in may) or named not in self.world.tenants:
            raise No
        return named

    @staticmethod
    def _live(world: World, one: Credential) -> frozenset[str]:
        may = world.live(one)
        if may is None:
            raise No
        return may

    def _owns(self, _world: World, one: Credential, tenant: str, permissions: frozenset[str]) -> None:
        may = self._live(self.world, one)
        wanted = permissions - {"*"} | (TENANTED if "*" in permissions and tenant != DEFAULT else permissions & {"*"})
        if "*" not in may and not wanted <= may:
            raise No

    def _may_give(self, world: World, one: Credential, tenant: str, roles: Iterable[str]) -> None:
        if any(role not in STANDING and (tenant, role) not in world.custom for role in roles):
            raise No
        self._owns(world, one, tenant, self.world.granted(tenant, roles))

    def _within_reach(self, _world: World, one: Credential, tenant: str, name: str) -> None:
        """As things are before the change: whoever can do more is out of reach."""
        if name not in self.world.people or self.world.people[name].tenant != tenant:
            raise No
        self._owns(self.world, one, tenant, self.world.power(name))

    def _end_sessions(self, name: str) -> None:
        for one in self.credentials:
            one.dead |= one.session and one.account == name

    @staticmethod
    def _pairs(world: World, one: Credential) -> frozenset[tuple[str, str]]:
        """What a credential may do, and in whose name."""
        may = world.live(one) if one.account in world.people else None
        if may is None:
            return frozenset()
        tenant = world.people[one.account].tenant
        return frozenset((tenant, permission) for permission in spelled_out(tenant, may))

    def _reach_of(self, world: World, holder: str) -> frozenset[tuple[str, str]]:
        mine = (self._pairs(world, one) for one in self.credentials if one.holder == holder)
        return frozenset().union(*mine)

    def _asking(self, data: st.DataObject) -> tuple[Credential, str, str]:
        """Draw who asks, about whom, and the tenant that they name, which is seldom another one."""
        one = self._who(data)
        return one, self._somebody(data, one), self._elsewhere(data)

    def _who(self, data: st.DataObject) -> Credential:
        living = [one for one in self.credentials if self.world.live(one)]
        return data.draw(st.sampled_from([*living * 4, *self.credentials]), label="asks")

    def _somebody(self, data: st.DataObject, one: Credential) -> str:
        tenant = self.world.people[one.account].tenant
        here = sorted(name for name, person in self.world.people.items() if person.tenant == tenant)
        return data.draw(st.sampled_from([*here * 3, *sorted(self.world.people)]), label="about")

    def _elsewhere(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([*[""] * 6, *self.here, "nowhere"]), label="tenant")


@pytest.fixture
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder:
        made = Site(Path(folder))
        SITE[:] = [made]
        yield made
        SITE.clear()
        made.close()


QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))


@pytest.mark.usefixtures("site")
@pytest.mark.requirement("ASVS-8.2.1", "ASVS-8.2.2", "ASVS-8.3.1", "ASVS-8.3.2", "ASVS-8.4.1", "SOC2-CC6.3")
def test_nobody_gets_what_nobody_gave_them() -> None:
    run_state_machine_as_test(Escalation, settings=settings(QUIET, max_examples=20, stateful_step_count=30))


@pytest.mark.slow
@pytest.mark.usefixtures("site")
@pytest.mark.requirement("ASVS-8.2.1", "ASVS-8.2.2", "ASVS-8.3.2", "ASVS-8.4.1")
def test_nobody_gets_what_nobody_gave_them_in_a_long_life() -> None:
    run_state_machine_as_test(Escalation, settings=settings(QUIET, max_examples=40, stateful_step_count=60))
