"""What of the drug a patient has had in their life, and whether it escalates (clinic-day 38; product.md, thesis 7).

Earlier treatment elsewhere counts. Escalation is: two doses stepped up, two gaps shortened, an infusion outside the
plan that the patient asked for, or more than `MOST_IN_A_YEAR` treatments in twelve months. It flags; a prescriber
decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.db.models import Q

from patients.models import Patient
from scheduling.domain.localtime import local_date
from scheduling.models import Appointment
from scheduling.reasons import EXTRA, in_words
from sessions.models import Infusion

YEAR = timedelta(days=365)
MOST_IN_A_YEAR = 24
STEP = Decimal("0.05")  # mg/kg: less is the weight or rounding, not a step
SHORTER = timedelta(days=1)


@dataclass(frozen=True)
class Dose:
    """One infusion as far as escalation looks at it: when, mg given (None: not known yet), mg/kg ordered."""

    at: datetime
    mg: Decimal | None
    mg_per_kg: Decimal | None


@dataclass(frozen=True)
class Exposure:
    """The card: `here` and `elsewhere` counts, `mg` known in total, `unknown` treatments without an amount."""

    here: int
    elsewhere: int
    mg: Decimal
    unknown: int
    last_year: int
    per_month: Decimal | None
    reasons: tuple[str, ...]
    trend: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """Why it counts as escalating, as one text; empty when it does not."""
        return " ".join(self.reasons)

    @property
    def total(self) -> int:
        """Treatments in this person's life, as far as known."""
        return self.here + self.elsewhere


def exposure_at(patient: Patient, now: datetime) -> Exposure:
    """What is known of this patient now. Three queries."""
    rows = Infusion.objects.filter(patient=patient, started_at__isnull=False).order_by("started_at")
    return exposure_of(patient, list(rows), now, ZoneInfo(patient.site.time_zone))


def exposure_of(patient: Patient, infusions: Sequence[Infusion], now: datetime, zone: ZoneInfo) -> Exposure:
    """Read from the started infusions (in order of time), the patient's earlier treatments and what they asked for.
    Two queries.
    """
    doses = [
        Dose(
            item.started_at or item.arrived_at,
            item.delivered_mg if item.stopped_at else None,  # while the pump runs, nobody knows
            item.ordered_mg / item.weight_kg if item.ordered_mg and item.weight_kg else None,
        )
        for item in infusions
    ]
    earlier = list(patient.prior_exposures.all())
    year_ago = local_date(now - YEAR, zone)
    ended = [(row.count, row.last_on or row.first_on) for row in earlier]
    recent = sum(
        count for count, day in ended if day is not None and day > year_ago
    )  # as the limits count them
    unknown = sum(row.count for row in earlier if row.total_mg is None) + sum(
        1 for item in doses if item.mg is None
    )
    mg = sum((row.total_mg for row in earlier if row.total_mg is not None), Decimal(0))
    mg += sum((item.mg for item in doses if item.mg is not None), Decimal(0))
    last_year = recent + sum(1 for item in doses if item.at > now - YEAR)
    return Exposure(
        here=len(doses),
        elsewhere=sum(row.count for row in earlier),
        mg=mg,
        unknown=unknown,
        last_year=last_year,
        per_month=_rate(doses),
        reasons=tuple(escalation(doses, last_year, _asked_for(patient))),
        trend=trend(doses),
    )


def _asked_for(patient: Patient) -> int:
    """Infusions outside the plan that were booked because the patient asked for them, also when called off later."""
    asked = Q()
    for code in EXTRA:
        asked |= Q(reason__startswith=in_words(EXTRA, code, initiator="patient"))
    return int(Appointment.objects.infusions().filter(asked, patient=patient).count())


def _rate(doses: Sequence[Dose]) -> Decimal | None:
    """Infusions in 30 days over the course here; None for a single one."""
    if len(doses) < 2:
        return None
    days = Decimal((doses[-1].at - doses[0].at) / timedelta(days=1))
    return (Decimal(len(doses) - 1) * 30 / days).quantize(Decimal("0.1")) if days else None


def trend(doses: Sequence[Dose]) -> tuple[str, ...]:
    """First against last, in words: the dose ordered, and the time between infusions. Empty for a single infusion."""
    known = [item.mg_per_kg.quantize(Decimal("0.01")) for item in doses if item.mg_per_kg is not None]
    gaps = [((two.at - one.at) / timedelta(days=1)) for one, two in pairwise(doses)]
    found = []
    if len(known) > 1:
        steady = len(set(known)) == 1
        peak = f", {max(known)} at most" if max(known) > max(known[0], known[-1]) else ""
        found.append(f"{known[0]} mg/kg " + ("throughout" if steady else f"at first, {known[-1]} now{peak}"))
    if len(gaps) > 1:
        found.append(f"{gaps[0]:.1f} days between infusions at first, {gaps[-1]:.1f} now")
    return tuple(found)


def escalation(doses: Sequence[Dose], last_year: int, asked_for: int = 0) -> list[str]:
    """Why this exposure counts as escalating, in words; empty when it does not. `asked_for`: infusions outside the plan
    at the patient's own request.
    """
    reasons = []
    known = [item.mg_per_kg for item in doses if item.mg_per_kg is not None]
    steps = sum(1 for one, two in pairwise(known) if two - one >= STEP)
    if steps >= 2:
        reasons.append(f"The dose was stepped up {steps} times.")
    gaps = [two.at - one.at for one, two in pairwise(doses)]
    shorter = [two < one - SHORTER for one, two in pairwise(gaps)]
    # A series alternates between three and four days: only a gap shorter than every gap before it counts.
    shorter = [short and gaps[n + 1] < min(gaps[: n + 1]) - SHORTER for n, short in enumerate(shorter)]
    if sum(shorter) >= 2:
        reasons.append(f"The time between infusions was shortened {sum(shorter)} times.")
    if asked_for:
        reasons.append(f"Asked for outside the plan: {asked_for} infusion{'s' if asked_for > 1 else ''}.")
    if last_year > MOST_IN_A_YEAR:
        reasons.append(f"{last_year} treatments in twelve months.")
    return reasons
