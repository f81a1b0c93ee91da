"""What lies before an infusion of the same patient: the one given before it, therapy that still runs, the exposure of a
life. Asked at the pump start against what really happened, whatever was planned.

None of it refuses a fact: a prescriber starts all the same, with a reason, and the answer is kept as an override.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

from patients.models import Patient, PriorExposure
from protocols.definition import ProtocolDefinition
from scheduling.domain.localtime import in_words
from scheduling.domain.spacing import elsewhere_refusal, gap_bounds, gap_refusal, rested_from
from sessions.eligibility import Finding
from sessions.exposure import Elsewhere, Treatment, beyond, limited
from sessions.models import GateAnswer, Infusion, IntegrationSession

GAP, THERAPY, EXPOSURE = "minimum_gap", "therapy_before", "exposure"
LABELS = {
    GAP: "Long enough after the infusion before",
    THERAPY: "No therapy under way",
    EXPOSURE: "Exposure within the protocol's limit",
}
NO_LONGEST = 24 * 366 * 10  # hours: only the minimum is asked here


def findings_before_start(infusion: Infusion, at: datetime) -> list[Finding]:
    """What a prescriber decides before the pump of this infusion may start at `at`; decided ones are left out."""
    found = [item for item in _open_findings(infusion, at) if item is not None]
    if not found:
        return []
    decided = set(
        GateAnswer.objects.current()
        .filter(infusion=infusion, outcome=GateAnswer.Outcome.OVERRIDDEN, gate__in=list(LABELS))
        .values_list("gate", flat=True)
    )
    return [item for item in found if item.code not in decided]


def _open_findings(infusion: Infusion, at: datetime) -> Iterable[Finding | None]:
    definition = infusion.protocol_version.read()
    before, therapy_from, therapy_until, elsewhere_on = _what_was_before(infusion, at)
    yield _gap(infusion, definition, before, elsewhere_on, at)
    yield _therapy(infusion, definition, therapy_from, therapy_until, at)
    yield exposure_finding(infusion.patient, definition, at, mg=infusion.ordered_mg, without=(infusion.pk,))


def _what_was_before(
    infusion: Infusion, at: datetime
) -> tuple[datetime | None, datetime | None, datetime | None, date | None]:
    """The actual start of the patient's infusion before, in whatever series; start and end of the last therapy; the
    day of the last treatment elsewhere.
    """
    infusions = Infusion.objects.filter(patient=OuterRef("pk"), started_at__lt=at).exclude(pk=infusion.pk)
    therapy = IntegrationSession.objects.filter(patient=OuterRef("pk"), started_at__lte=at)
    elsewhere = PriorExposure.objects.filter(patient=OuterRef("pk")).annotate(
        day=Coalesce("last_on", "first_on")
    )
    days = elsewhere.filter(day__isnull=False).order_by("-day").values("day")
    last, last_therapy = infusions.order_by("-started_at"), therapy.order_by("-started_at")
    row: tuple[datetime | None, datetime | None, datetime | None, date | None] = (
        Patient.objects.filter(pk=infusion.patient_id)
        .values_list(
            Subquery(last.values("started_at")[:1]),
            Subquery(last_therapy.values("started_at")[:1]),
            Subquery(last_therapy.values("completed_at")[:1]),
            Subquery(days[:1]),
        )
        .get()
    )
    return row


def _gap(
    infusion: Infusion,
    definition: ProtocolDefinition,
    before: datetime | None,
    elsewhere_on: date | None,
    at: datetime,
) -> Finding | None:
    """The minimum gap from the actual start of the infusion before, and from the last treatment elsewhere."""
    phase = definition.gap_before(infusion.ordinal) or definition.phases[0]
    zone = ZoneInfo(infusion.site.time_zone)
    found: list[tuple[datetime, str]] = []
    words = None if before is None else gap_refusal(before, at, phase, zone, NO_LONGEST)
    if before is not None and words is not None:
        found.append((gap_bounds(before, phase, zone)[0], words))
    words = elsewhere_refusal(elsewhere_on, at, phase, zone)
    if elsewhere_on is not None and words is not None:
        found.append((rested_from(elsewhere_on, phase, zone), words))
    if not found:
        return None
    earliest, words = max(found)
    todo = "Give it later, or a prescriber decides, with a reason."
    return Finding("decide", GAP, f"{words}.", todo, earliest)


def _therapy(
    infusion: Infusion,
    definition: ProtocolDefinition,
    began: datetime | None,
    ended: datetime | None,
    at: datetime,
) -> Finding | None:
    """A therapy session that runs, or ended inside the quiet time before the start."""
    quiet = timedelta(minutes=definition.window.quiet_block_minutes)
    if began is None or (ended is not None and ended + quiet <= at):
        return None
    zone = ZoneInfo(infusion.site.time_zone)
    if ended is None:
        words = f"Therapy has been under way since {in_words(began, zone)}."
        return Finding("decide", THERAPY, words, "It ends before the drug is given.")
    minutes = definition.window.quiet_block_minutes
    words = f"Therapy ended {in_words(ended, zone)}, less than {minutes} minutes before."
    return Finding("decide", THERAPY, words, "Wait until the time is over.", ended + quiet)


def exposure_finding(
    patient: Patient,
    definition: ProtocolDefinition,
    at: datetime,
    *,
    mg: Decimal | None = None,
    without: Iterable[int] = (),
    planned: Iterable[Treatment] = (),
) -> Finding | None:
    """The limit of exposure that an infusion starting at `at` would pass; None when none, or the text has none.

    mg: what is ordered or planned for it; without: primary keys of records that do not count (its own); planned:
    infusions that are booked and not yet given.
    """
    if not limited(definition):
        return None
    rows = Infusion.objects.filter(patient=patient, started_at__isnull=False).exclude(pk__in=list(without))
    given = [Treatment(start, amount) for start, amount in rows.values_list("started_at", "delivered_mg")]
    elsewhere = [
        Elsewhere(row.count, row.last_on or row.first_on, row.total_mg)
        for row in patient.prior_exposures.all()
    ]
    words = beyond(definition, Treatment(at, mg), [*given, *planned], elsewhere)
    return (
        None if words is None else Finding("decide", EXPOSURE, words, "A prescriber decides, with a reason.")
    )
