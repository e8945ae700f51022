"""StrictModel: base of what clients send: no coercion, no unknown fields, no number that is not finite."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError


def in_words(words: str) -> WrapValidator:
    """The fault of a text that does not match its pattern, told without the pattern."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            kind = error.errors(include_url=False)[0]["type"]
            if kind != "string_pattern_mismatch":
                raise
            raise PydanticCustomError(kind, words) from error

    return WrapValidator(check)


Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$"),
    in_words(
        "Must be 1 to 64 lower-case letters, digits, dots, underscores or hyphens, the first one a letter or a digit."
    ),
]
"""Name of a space or device: 1 to 64 of lower-case letters, digits, dot, underscore and hyphen."""

Sha256 = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), in_words("Must be 64 lower-case hexadecimal digits.")
]
"""Fingerprint of a content, in lower-case hexadecimal digits."""


class StrictModel(BaseModel):
    """A request part; the fault of an unknown field lists the known ones."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _list_known_fields(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            known = ", ".join(cls.model_fields)
            details = [_detail(fault, known) for fault in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(cls.__name__, details) from error


def _detail(fault: Any, known: str) -> InitErrorDetails:
    own = fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1
    message = f"Unknown field. Known: {known}." if own else str(fault["msg"])
    # The message is final: without a context pydantic leaves `{...}` in it alone.
    kind = "unknown_field" if own else str(fault["type"])
    return InitErrorDetails(type=PydanticCustomError(kind, message), loc=fault["loc"], input=fault["input"])
