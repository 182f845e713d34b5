"""Accounts, roles, groups and keys as they go over the wire. A password comes in and never goes out."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only what can be printed, on one line")
    return text


Line = Annotated[str, Field(max_length=200), AfterValidator(_printable)]


def _role_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", text):
        raise ValueError("a role is named by small letters, digits, - and _, and begins with a letter")
    return text


RoleName = Annotated[str, Field(max_length=40), AfterValidator(_role_name)]
#: What is no role or no permission is told with the names that there are, so the form alone refuses nothing here.
Named = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_printable)]
TenantId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Roles = Annotated[list[Named], Field(max_length=50)]
Permissions = Annotated[list[Named], Field(min_length=1, max_length=500)]
Password = Annotated[SecretStr, Field(max_length=1000)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewUser(_Given):
    """A person with a password or an invitation, or a service account, which has only API keys."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    email: Line = ""
    kind: Literal["person", "service"] = "person"
    password: Password | None = None
    invite: bool = Field(default=False, description="Answer a link with which the person chooses their password.")
    roles: Roles = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_way_in(self) -> NewUser:
        if self.invite and (self.password is not None or self.kind == "service"):
            raise ValueError("an invitation is for a person, and takes the place of a password")
        return self


class UserChange(_Given):
    """What is to be different; what is left out stays."""

    disabled: bool | None = None
    email: Line | None = None
    roles: Roles | None = None
    second_factor: Literal[False] | None = Field(default=None, description="false takes away a factor that was lost.")


class NewPassword(_Given):
    """A password in the place of the old one; every session of the account ends."""

    password: Password


class User(BaseModel):
    """One account, without anything secret."""

    id: str
    name: str
    email: str
    kind: str
    disabled: bool
    roles: list[str]
    groups: list[str]
    second_factor: bool
    passkeys: int
    asks_passkey: bool
    has_password: bool
    sessions: int
    keys: int
    signed_in_ms: int | None
    created_ms: int
    invitation: str | None = Field(default=None, description="Where the person chooses a password; shown this once.")


class Invitation(BaseModel):
    """Where somebody chooses their password, once, within a day; shown this once."""

    invitation: str


class Session(BaseModel):
    """One sign-in that is alive."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    address: str
    agent: str
    created_ms: int
    seen_ms: int
    expires_ms: int


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int


class RoleBody(_Given):
    """What a role of your own grants."""

    help: Line = ""
    permissions: Permissions


class Role(BaseModel):
    """A role: standing ones are derived from what the services declare, the others were made by somebody."""

    name: str
    standing: bool
    help: str
    permissions: list[str]


class GroupBody(_Given):
    """Who is in a group, and which roles they all hold."""

    roles: Roles = Field(default_factory=list)
    members: Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=1000)] | None = Field(
        default=None, description="All of them; without, whoever is in it stays."
    )


class Group(BaseModel):
    """One group."""

    name: str
    roles: list[str]
    members: list[str]


class NewKey(_Given):
    """A key that may do so much, for so long. `*` is all that its account may do."""

    label: Line = ""
    scopes: Permissions
    days: Annotated[int, Field(ge=1, le=366)] = 90


class Key(BaseModel):
    """What is known about a key; the key itself is only in the answer to its making."""

    id: str
    label: str
    scopes: list[str]
    created_ms: int
    expires_ms: int
    revoked_ms: int | None = None
    key: str | None = None


class NewTenant(_Given):
    """A tenant: the id stands in records for ever, the title is for people."""

    id: TenantId
    title: Line = ""


class TenantChange(_Given):
    """What is to be different; what is left out stays."""

    title: Line | None = None
    disabled: bool | None = None


class TenantView(BaseModel):
    """One tenant."""

    id: str
    title: str
    disabled: bool
    created_ms: int
