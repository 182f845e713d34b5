"""The commands of identity. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS = (
    ("user add", "people:add", "Add a person: steersman user add NAME --role admin. Asks for the password."),
    ("user list", "people:show_all", "List the accounts of a running platform."),
    ("user show", "people:show", "Print what an account is and holds."),
    ("user disable", "people:disable", "Disable an account at once; --enable lets it in again."),
    ("user enable", "people:enable", "Let an account in again."),
    ("user password", "people:password", "Set somebody's password anew; all their sessions end."),
    ("user invite", "people:invite", "Print a link with which somebody chooses their password, once."),
    ("user drop-factor", "people:factor", "Ask somebody who lost their second factor for none any more."),
    ("user role", "people:role", "Give an account exactly these roles."),
    ("user sessions", "people:sessions", "List the sessions of somebody; --end ID or --end all ends them."),
    ("group list", "groups:show_all", "List the groups with their roles."),
    ("group show", "groups:show", "Print who is in a group and what they hold by it."),
    ("group add", "groups:add", "Make a group, or give it other roles: steersman group add NAME --role viewer."),
    ("group put-in", "groups:put_in", "Put accounts into a group."),
    ("group take-out", "groups:take_out", "Take accounts out of a group."),
    ("group remove", "groups:remove", "Delete a group; its members lose what they held by it."),
    ("role list", "roles:show_all", "List the standing roles and your own."),
    ("role show", "roles:show", "Print what a role grants."),
    ("role add", "roles:add", "Make a role of your own, or let it grant something else."),
    ("role remove", "roles:remove", "Delete a role of your own; whoever holds it loses it."),
    ("tenant list", "tenants:show_all", "List the tenants."),
    ("tenant add", "tenants:add", "Add a tenant."),
    ("tenant rename", "tenants:rename", "Call a tenant something else; its id stays."),
    ("tenant disable", "tenants:disable", "Let nobody of a tenant in, at once; nothing of it is lost."),
    ("tenant enable", "tenants:enable", "Let the people of a tenant in again."),
    ("client list", "clients:show_all", "List the programs of third parties."),
    ("client add", "clients:add", "Register a program of a third party."),
    ("client revoke", "clients:revoke", "Revoke a program of a third party."),
    ("key add", "programs:add", "Make an API key for an account; it is shown once."),
    ("key list", "programs:show", "List the API keys of an account."),
    ("key revoke", "programs:revoke", "Revoke an API key; the one named bootstrap is that of the data directory."),
    ("key rotate-signing", "local:rotate_signing", "Sign with the next key from now on."),
    ("key local", "local:local", "Make a new key for this machine's operator; --revoke only takes it back."),
    ("bench auth", "bench_auth:auth", "Measure token checks, sign-ins, and what admission adds to a request."),
    ("bench storm", "bench_storm:storm", "Measure what 500 wrong sign-ins a second leave to everybody else."),
    (
        "prove refresh",
        "prove_refresh:refresh",
        "Prove that one refresh token has one successor, however many present it.",
    ),
)

COMMANDS: tuple[Command, ...] = tuple(
    Command(name=name, help=text, target=f"{__name__}.{target}", permission="local") for name, target, text in _TARGETS
)
