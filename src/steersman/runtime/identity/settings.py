"""The section [identity] of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from steersman.runtime.identity.keyring import Algorithm

_DEFAULT_NAME = "steersman"


class ProviderSettings(BaseModel):
    """One outside provider that people may sign in with (OpenID Connect)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$", max_length=300)
    client_id: str = Field(min_length=1, max_length=300)
    client_secret: SecretStr | None = None
    title: str = Field(default="", max_length=60)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    #: The claim whose values are looked up in `roles`; who has none of these gets `default_roles`.
    roles_claim: str = "groups"
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    default_roles: tuple[str, ...] = ()
    #: Whether somebody who has no account here yet is given one.
    create_accounts: bool = False
    #: Whether an address that the provider verified leads to the account that has the same one here.
    link_by_verified_email: bool = False
    algorithms: tuple[Literal["EdDSA", "ES256", "PS256", "RS256"], ...] = ("EdDSA", "ES256", "PS256", "RS256")

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("an issuer is asked over https, except on this machine")
        return value


class IdentitySettings(BaseModel):
    """Whose tokens these are, where people reach this platform, and which passwords are known to have leaked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(default=_DEFAULT_NAME, min_length=1, max_length=200)
    audience: str = Field(default=_DEFAULT_NAME, min_length=1, max_length=200)
    breached_passwords: Path | None = None
    signing_key_days: int = Field(default=30, ge=1, le=366)
    signing_algorithm: Algorithm = "EdDSA"
    #: Where browsers reach this platform, such as https://steersman.example.org; passkeys belong to this name.
    public_address: str = Field(default="", max_length=200)
    #: From where the token in the data directory opens once there is an administrator.
    local_key: Literal["local", "anywhere", "off"] = "local"
    idle_hours: int = Field(default=24, ge=1, le=168)
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)

    @field_validator("public_address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or value != _origin(value)):
            raise ValueError("a public address is https://NAME or https://NAME:PORT, without a path")
        return value

    @property
    def named_issuer(self) -> str:
        """Return what `iss` of tokens says: what the settings name, else the public address, else a name."""
        return self.public_address if self.public_address and self.issuer == _DEFAULT_NAME else self.issuer


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()
