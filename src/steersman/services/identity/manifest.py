"""Everything that identity declares."""

from __future__ import annotations

from steersman.contract.service import Event, Job, Service
from steersman.runtime.house import House
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.services.identity.commands import COMMANDS
from steersman.services.identity.jobs import tidy, write_refusals
from steersman.services.identity.web import PAGES, PERMISSIONS, ROUTES, TENANTED, USED_WITHIN

EVENTS = (
    Event("identity.account.added", 1, "Somebody was given an account; its name and roles."),
    Event("identity.account.invited", 1, "Somebody was given a link to choose a password for an account with."),
    Event("identity.account.changed", 1, "An account was disabled, enabled, or given other roles; what is different."),
    Event("identity.password.changed", 1, "A password was set anew; the sessions of that account ended."),
    Event("identity.factor.changed", 1, "A second factor was set up or taken away."),
    Event("identity.role.changed", 1, "A role of one's own grants something else; with nothing it was deleted."),
    Event("identity.group.changed", 1, "A group has other members or roles."),
    Event("identity.tenant.added", 1, "There is a new tenant; its title."),
    Event("identity.tenant.changed", 1, "A tenant was renamed, disabled or enabled; what is different."),
    Event("identity.key.made", 1, "An API key was made; for whom, its scopes and how long it lives."),
    Event("identity.key.revoked", 1, "An API key was revoked."),
    Event("identity.keys.rotated", 1, "Access tokens are signed with a new key."),
    Event("identity.session.begun", 1, "Somebody signed in; the account and the address."),
    Event("identity.session.ended", 1, "A session was ended; why."),
    Event("identity.login.refused", 1, "A sign-in was refused; why, and from which address. A flood is counted."),
    Event("identity.token.refused", 1, "A token was refused at the door; why. The subject is the address."),
    Event("identity.refresh.refused", 1, "A refresh token was refused; why. The subject is its session."),
    Event("identity.setup.refused", 1, "A link for the first administrator, or an invitation, was wrong, old or used."),
    Event("identity.passkey.added", 1, "Somebody registered a passkey."),
    Event("identity.passkey.removed", 1, "Somebody removed a passkey."),
    Event("identity.client.added", 1, "A program of a third party was registered; its addresses and scopes."),
    Event("identity.client.revoked", 1, "A program of a third party was revoked; how many sessions ended."),
    Event("identity.consent.given", 1, "Somebody let a program act for them; which, and with what scopes."),
    Event("identity.link.added", 1, "An account was linked with somebody at an outside provider."),
)

SERVICE = Service(
    name="identity",
    help="Accounts, roles, sessions and keys: who may do what.",
    prefixes=("/api/identity", "/people"),
    settings=IdentitySettings,
    requires=(Identity, House),
    permissions=PERMISSIONS,
    tenanted=TENANTED,
    used_within=USED_WITHIN,
    events=EVENTS,
    routes=ROUTES,
    pages=PAGES,
    commands=COMMANDS,
    jobs=(Job(name="refusals", run=write_refusals), Job(name="tidy", run=tidy)),
)
