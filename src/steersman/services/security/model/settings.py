"""The `[security]` section: whom never to keep out, and whom others say to."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator


class SecuritySettings(BaseModel):
    """What no measure may ever reach, and the lists of addresses that are refused from the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    never: tuple[str, ...] = Field((), description="Addresses and networks that no measure and no list may reach.")
    lists: tuple[Path, ...] = Field(
        (), description="Text files of addresses and networks to refuse, one a line; `;` and `#` begin a comment."
    )
    caller_per_minute: int = Field(
        6_000, ge=0, le=1_000_000, description="Requests of one caller to the control API a minute; 0 is no limit."
    )
    stranger_per_minute: int = Field(
        600, ge=0, le=1_000_000, description="Requests of one address without a key a minute; 0 is no limit."
    )
    interval_seconds: float = Field(2.0, ge=0.05, le=60, description="Between two looks for new attempts.")

    @field_validator("never")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one} is no address and no network such as 10.0.0.0/8: {error}") from error
        return value
