"""Switching a patient to another protocol: the running series ends, another is booked, in one signed transaction.

The exposure goes along: the gap after the last infusion is kept (services/rules.py judges the first visit against it),
and count, milligrams and date of the last infusion are written beside the signature. `preview_switch` runs the real act
and rolls it back, so that what is signed is what happens.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Sum

from patients.models import Patient
from protocols.models import ProtocolVersion
from protocols.side_by_side import side_by_side
from protocols.wording import plain_number
from scheduling.conflicts import booking_act
from scheduling.models import Appointment, Resource, SeriesSwitch, TreatmentSeries
from scheduling.services.endings import end_series
from scheduling.services.proposals import propose_series
from scheduling.services.series import VisitChoice, book_series
from scheduling.services.version_diffs import consents_asked, digest_of, iso
from sessions.dosing import planned_dose
from sessions.models import Infusion
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, RuleNotMet, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text

OTHER_DIFF = "What would change is not what you have seen. Look at it again."
IN_THE_CHAIR = (Appointment.Status.ARRIVED, Appointment.Status.INFUSING, Appointment.Status.RECOVERING)


@dataclass(frozen=True)
class Wanted:
    """What to switch to: an active version of another protocol, from a local day on, planned with a weight in kg."""

    version: ProtocolVersion
    first_day: date
    weight_kg: Decimal


@dataclass(frozen=True)
class Exposure:
    """What the patient was given so far, in all series. `last_at`: ISO instant, "" = nothing yet."""

    infusions: int
    delivered_mg: str
    last_at: str


@dataclass(frozen=True)
class ClosedVisit:
    """A visit of the old series that falls away; ISO instant of its start."""

    ordinal: int
    start: str


@dataclass(frozen=True)
class OpenedVisit:
    """A visit of the new series; ISO instants; the dose for the planning weight."""

    ordinal: int
    start: str
    leaves: str
    therapy: str
    dose: str


@dataclass(frozen=True)
class SwitchDiff:
    """Everything that switching would change; `sha256` is what the signature names."""

    from_version: ProtocolVersion
    wanted: Wanted
    texts: tuple[tuple[str, str, str], ...] = ()
    closed: tuple[ClosedVisit, ...] = ()
    opened: tuple[OpenedVisit, ...] = ()
    consents: tuple[str, ...] = ()
    exposure: Exposure = Exposure(0, "0", "")
    refusal: DomainError | None = field(default=None, compare=False)

    @property
    def as_json(self) -> dict[str, Any]:
        """What is stored beside the signature."""
        return {
            "from": str(self.from_version.code),
            "to": str(self.wanted.version.code),
            "text": [self.from_version.sha256, self.wanted.version.sha256],
            "first_day": self.wanted.first_day.isoformat(),
            "weight_kg": f"{self.wanted.weight_kg:f}",
            "texts": [list(item) for item in self.texts],
            "closed": [asdict(item) for item in self.closed],
            "opened": [asdict(item) for item in self.opened],
            "consents": list(self.consents),
            "exposure": asdict(self.exposure),
        }

    @property
    def sha256(self) -> str:
        """Digest of what was seen."""
        return digest_of(self.as_json)


def preview_switch(
    *, series: TreatmentSeries, wanted: Wanted, by: User, at: datetime | None = None
) -> SwitchDiff:
    """What switching would change. The act is done and rolled back; why it cannot be done stands in `refusal`."""
    try:
        with transaction.atomic():
            diff, _ = _switch(series, wanted, "Only looked at", by, at or app_now())
            transaction.set_rollback(True)
    except DomainError as refusal:
        return SwitchDiff(series.protocol_version, wanted, refusal=refusal)
    return diff


@booking_act
def switch_series(
    *,
    series: TreatmentSeries,
    wanted: Wanted,
    seen_sha256: str,
    reason: str,
    by: User,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> SeriesSwitch:
    """Switch exactly as the diff of digest `seen_sha256` says, signed by `by`; all of it or nothing.

    The caller has asked for the password again. Raises RuleNotMet `other-diff` when something else would happen now,
    StaleVersion, StateConflict, and what ending and booking raise.
    """
    now = at or app_now()
    words = parse_text(reason, field="reason", max_length=300)
    if not words:
        raise InvalidInput("Say why.", code="required", field="reason")
    lock(patients=[series.patient_id])
    current = TreatmentSeries.objects.get(pk=series.pk)
    if expected_version is not None and current.version != expected_version:
        raise StaleVersion("Somebody else changed this series since you opened it. Look at it again.")
    diff, opened = _switch(series, wanted, words, by, now)
    if diff.sha256 != seen_sha256:
        raise RuleNotMet(OTHER_DIFF, code="other-diff")
    exposure = diff.exposure
    row: SeriesSwitch = SeriesSwitch.objects.create(
        from_series=current,
        to_series=opened,
        reason=words,
        diff=diff.as_json,
        sha256=diff.sha256,
        infusions=exposure.infusions,
        delivered_mg=Decimal(exposure.delivered_mg),
        last_infusion_at=datetime.fromisoformat(exposure.last_at) if exposure.last_at else None,
        decided_by=by,
        decided_at=now,
    )
    return row


def exposure_of(patient: Patient) -> Exposure:
    """Infusions that were started, their milligrams, and when the last began."""
    total = (
        Infusion.objects.started()
        .filter(patient=patient)
        .aggregate(count=Count("pk"), mg=Sum("delivered_mg"), last=Max("started_at"))
    )
    return Exposure(total["count"], f"{total['mg'] or Decimal(0):f}", iso(total["last"]))


def _switchable(series: TreatmentSeries, wanted: Wanted) -> TreatmentSeries:
    current: TreatmentSeries = (
        TreatmentSeries.objects.for_page().select_for_update(of=["self"]).get(pk=series.pk)
    )
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    if current.protocol_version.template_id == wanted.version.template_id:
        raise RuleNotMet(
            "This is the same protocol: move the series to its newer version instead.", code="same-protocol"
        )
    if wanted.version.status != ProtocolVersion.Status.ACTIVE:
        raise RuleNotMet(f"{wanted.version} is not active.", code="version-not-active")
    if current.appointments.infusions().filter(status__in=IN_THE_CHAIR).exists():
        raise StateConflict("An infusion visit is under way: switch when it is over.", code="in-the-chair")
    return current


def _switch(
    series: TreatmentSeries, wanted: Wanted, words: str, by: User, now: datetime
) -> tuple[SwitchDiff, TreatmentSeries]:
    """End, plan and book inside the caller's transaction, and say what changed."""
    resources = Resource.objects.filter(site=series.site_id, active=True).values_list("pk", flat=True)
    lock(patients=[series.patient_id], resources=set(resources))
    current = _switchable(series, wanted)
    ahead = list(
        current.appointments.infusions().filter(status__in=Appointment.MOVABLE).order_by("ordinal", "pk")
    )
    exposure = exposure_of(current.patient)
    end_series(
        series=current,
        reason="clinical",
        by=by,
        note=f"Switched to {wanted.version.template.name}"[:110],
        at=now,
    )
    opened = _book(current, wanted, words, by, now)
    dose = wanted.version.read().dose
    rows = opened.appointments.infusions().order_by("ordinal")
    planned = _planned_mg(wanted)
    return (
        SwitchDiff(
            current.protocol_version,
            wanted,
            _texts(current.protocol_version, wanted.version),
            tuple(ClosedVisit(row.ordinal or 0, iso(row.during.lower)) for row in ahead),
            tuple(
                OpenedVisit(
                    row.ordinal or 0,
                    iso(row.during.lower),
                    iso(row.during.upper),
                    iso(row.predicted_t0),
                    f"{planned} mg over {dose.infusion_minutes} min",
                )
                for row in rows
            ),
            tuple(consents_asked(current.patient, wanted.version, now)),
            exposure,
        ),
        opened,
    )


def _book(current: TreatmentSeries, wanted: Wanted, words: str, by: User, now: datetime) -> TreatmentSeries:
    proposal = propose_series(
        patient=current.patient,
        protocol_version=wanted.version,
        weight_kg=wanted.weight_kg,
        first_day=wanted.first_day,
        by=by,
        at=now,
        therapist=current.therapist,
        prescriber=current.prescriber,
    )
    if not proposal.plan.complete:
        why = proposal.plan.refusals[0].text if proposal.plan.refusals else "No plan was found."
        raise RuleNotMet(f"The new series cannot be placed: {why}", code="no-plan", field="first_day")
    return book_series(
        patient=current.patient,
        protocol_version=wanted.version,
        weight_kg=wanted.weight_kg,
        visits=[
            VisitChoice(
                item.ordinal, item.start, chair=item.chair, nurse=item.nurse, prescriber=item.prescriber
            )
            for item in proposal.plan.visits
        ],
        therapist=current.therapist,
        caution_reason=words,
        by=by,
        at=now,
    )


def _planned_mg(wanted: Wanted) -> str:
    return plain_number(planned_dose(wanted.version.read().dose, wanted.weight_kg).mg)


def _texts(old: ProtocolVersion, new: ProtocolVersion) -> tuple[tuple[str, str, str], ...]:
    """What differs between the two texts, in clinical words."""
    return tuple(
        (
            f"{section.title}: {pair.label}",
            _said(pair.before, pair.before_items),
            _said(pair.after, pair.after_items),
        )
        for section in side_by_side(old.read(), new.read())
        for pair in section.pairs
        if pair.changed
    )


def _said(value: str, items: tuple[str, ...]) -> str:
    return f"{value} ({'; '.join(items)})" if items else value
