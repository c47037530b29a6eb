"""What the parts of the config are made of: a frozen model, fields from the table of flags, types that read text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from harness.flags import FLAGS
from harness.pacing import Tiers, format_tiers
from harness.pacing.refusals import RefusedWhen
from harness.unusable import first_of
from harness.values import (
    as_fail_when,
    as_number,
    as_refused_when,
    as_seconds,
    as_share,
    as_tiers,
    as_variable,
    as_variables,
)

Count = Annotated[int, BeforeValidator(as_number)]
Seconds = Annotated[float, BeforeValidator(as_seconds)]
Share = Annotated[float, BeforeValidator(as_share)]
LimitsSetting = Annotated[
    Tiers, BeforeValidator(as_tiers), PlainSerializer(lambda tiers: None if tiers is None else format_tiers(tiers))
]
RefusalsSetting = Annotated[
    tuple[RefusedWhen, ...],
    BeforeValidator(as_refused_when),
    PlainSerializer(lambda rules: [str(rule) for rule in rules]),
]
FailuresSetting = Annotated[
    tuple[RefusedWhen, ...],
    BeforeValidator(as_fail_when),
    PlainSerializer(lambda rules: [str(rule) for rule in rules]),
]
# One name is written as text, as older runs have it.
VariablesSetting = Annotated[
    tuple[str, ...],
    BeforeValidator(as_variables),
    PlainSerializer(lambda names: [*names] if len(names) > 1 else names[0] if names else None),
]
Variable = Annotated[str, AfterValidator(as_variable)]


def setting(name: str, **constraints: Any) -> Any:
    """The field of the setting `name`: its default and description come from the table of flags.

    A field that is called otherwise within its part can be written by its flat name there, too.
    """
    flag = FLAGS[name]
    alias = flag.alias or (name if flag.field != name else None)
    return Field(flag.default, alias=alias, description=flag.said_in_python or flag.help, **constraints)


class Part(BaseModel):
    """A part of the config. `group` is its name in the table of flags."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may hold a header
    )
    group: ClassVar[str] = ""

    if not TYPE_CHECKING:  # where the fields are the signature

        def __init__(self, **settings: Any) -> None:
            """Check the settings; BadInput, in one sentence, for the first that cannot be used or is none."""
            try:
                super().__init__(**settings)
            except ValidationError as error:
                raise first_of(error, self.group) from None  # it holds what was given, and so perhaps a secret
