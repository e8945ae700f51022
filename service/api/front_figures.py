"""What a front tells of its networks together: timed again (`remeasure`), evaluated on images (`verify`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.api.answer import Answer, Fraction


class AgreementAnswer(Answer):
    """Two series of latencies; errors and shares are fractions."""

    mape: float
    within_5: Fraction
    within_10: Fraction
    kendall_tau: float | None


class RemeasuredDevice(AgreementAnswer):
    """The table's latencies against those measured at the end, and measuring twice (`repeat`)."""

    threads: int
    repeat: AgreementAnswer


class RemeasuredAnswer(Answer):
    """What became of the front when its networks were measured; shares are of the networks that were."""

    networks: Annotated[int, Field(description="Networks measured: all of the front, or 64 spread over it.")]
    of: Annotated[int, Field(description="Networks of the front.")]
    still_non_dominated: Annotated[Fraction, Field(description="By their measured latencies.")]
    repeat_still_non_dominated: Annotated[
        Fraction,
        Field(description="Of the front by the first measurement, judged by the second: nobody can do better."),
    ]
    within_noise: Annotated[
        Fraction, Field(description="No other network beats them by more than two measurements of one network differ.")
    ]
    repeat_within_noise: Fraction
    devices: dict[str, RemeasuredDevice]


class PredictionAgreementAnswer(Answer):
    """How well the predictor that the search began with foretold the networks that were evaluated."""

    kendall_tau: Annotated[float | None, Field(description="Rank agreement; None for fewer than two errors.")]
    mean_difference: Annotated[
        float, Field(description="Verified minus predicted error; above 0 when networks err more than expected.")
    ]
    coverage_90: Annotated[Fraction, Field(description="Share of the networks inside their 90 % interval.")]


class VerifiedAnswer(Answer):
    """What was evaluated on images. The front was chosen on these images: its errors on others are slightly higher."""

    evaluations: Annotated[int, Field(description="Networks, those of the cache too; the budget or fewer.")]
    from_cache: Annotated[int, Field(description="How many of them another search had evaluated.")]
    images: Annotated[int, Field(description="Validation images.")]
    images_sha256: str
    agreement: PredictionAgreementAnswer
