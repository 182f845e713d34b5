"""The owner's policy of masking, and the adapter of the port: one function for each use, handed in by `app.py`.

It recognises nothing itself. What a structure holds is masked text by text; a key is never changed, because whoever
reads the structure looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from steersman.contract.ports import Use

if TYPE_CHECKING:
    from collections.abc import Sequence


class MaskPolicy(BaseModel):
    """What is hidden for one use. Nothing in `hide` stands for every kind that is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hide: tuple[str, ...] = Field(default=(), description="The kinds to hide; none named is all of them.")
    spare: tuple[str, ...] = Field(default=(), description="Kinds that stay as they are.")
    keep: Literal["form", "last4", "nothing"] = Field(
        default="form", description="How much of each stays: its form, its last four signs, or only what it was."
    )


class OperatorsPolicy(MaskPolicy):
    """For whoever operates: without addresses of networks nobody finds a broken connection."""

    spare: tuple[str, ...] = ("ip_address", "mac_address")


class ModelsPolicy(MaskPolicy):
    """For a model: it needs to know what stood there, and nothing of it."""

    keep: Literal["form", "last4", "nothing"] = "nothing"


class MaskSettings(BaseModel):
    """The policies by use, `[privacy.mask.USE]`. Operators need addresses, models and strangers do not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    logs: OperatorsPolicy = OperatorsPolicy()
    prompts: ModelsPolicy = ModelsPolicy()
    notifications: OperatorsPolicy = OperatorsPolicy()
    exports: MaskPolicy = MaskPolicy()
    intake: OperatorsPolicy = OperatorsPolicy()


class PrivacySettings(BaseModel):
    """The section [privacy]: what is hidden where, how long what is over is kept, and for whom a legal hold stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mask: MaskSettings = MaskSettings()
    keep_days: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="Days to keep one kind of data, by its name in the record of processing."
    )
    held: tuple[str, ...] = Field(default=(), description="Ids of accounts whose data a legal hold keeps.")


class PolicyMasking:
    """The port `Masking` by policy. `hides` has a function for each use; what it returns twice is the same as once."""

    def __init__(self, hides: Mapping[Use, Callable[[str], str]]) -> None:
        self._hides = dict(hides)

    @classmethod
    def by(
        cls, settings: MaskSettings, hiding: Callable[[Sequence[str], Sequence[str], Any], Callable[[str], str]]
    ) -> PolicyMasking:
        """Make it from settings; raises what `hiding` raises for a kind that it does not know."""
        policies: dict[Use, MaskPolicy] = {use: getattr(settings, use) for use in get_args(Use)}
        return cls({use: hiding(one.hide, one.spare, one.keep) for use, one in policies.items()})

    @property
    def looking(self) -> PolicyMasking:
        """What a preview gets: it changes nothing outside of the text."""
        return self

    def text(self, use: Use, text: str) -> str:
        return self._hides[use](text)

    def structure(self, use: Use, value: Any) -> Any:
        return self._within(self._hides[use], value)

    def _within(self, hide: Callable[[str], str], value: Any) -> Any:
        if isinstance(value, str):
            return hide(value)
        if isinstance(value, Mapping):
            return {key: self._within(hide, inner) for key, inner in value.items()}
        return [self._within(hide, inner) for inner in value] if isinstance(value, list | tuple) else value
