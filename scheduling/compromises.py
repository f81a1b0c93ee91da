"""How often infusions were given in a weaker form than the studied one, and for which stated reason, month by month.

Counted are infusions that were started with less than 0.5 mg/kg, in less than 40 minutes or by another route than the
vein: as the version says (with its coded reason), or by a single order (with the prescriber's).
Counts only; nobody is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from protocols.definition import DoseRule
from protocols.review import USUAL_DOSE, USUAL_MINUTES
from scheduling.domain.localtime import local_date, resolve_local
from scheduling.loaders import zone_of
from sessions.models import Infusion
from sessions.order_reasons import IV, PROTOCOL, ROUNDING, words_for
from staff.models import Site

LABELS = {
    "low_dose": "Less than 0.5 mg/kg, by the protocol",
    "low_order": "Less than 0.5 mg/kg, by the order",
    "short": "Less than 40 minutes, by the protocol",
    "short_order": "Less than 40 minutes, by the order",
    "route": "Another route than the vein, by the protocol",
    "route_order": "Another route than the vein, by the order",
}
OF_ORDER = {"low_order": "low_dose", "short_order": "short", "route_order": "route"}

COLUMNS = ("month", "kind", "what", "reason", "evidence_note", "infusions", "patients", "of_all_given")


@dataclass(frozen=True)
class Compromise:
    """One kind and reason in one month. `month`: its first day; `given`: all infusions started in that month."""

    month: date
    kind: str
    reason: str
    infusions: int
    patients: int
    given: int

    @property
    def label(self) -> str:
        """What was weaker."""
        return LABELS[self.kind]

    @property
    def note(self) -> str:
        """The stated reason with what is known about it."""
        return words_for(OF_ORDER.get(self.kind, self.kind), self.reason)

    @property
    def percent(self) -> int:
        """Share of the month's infusions."""
        return round(100 * self.infusions / self.given) if self.given else 0


def line_of(row: Compromise) -> list[object]:
    """One line in the order of COLUMNS."""
    return [
        f"{row.month:%Y-%m}", row.kind, row.label, row.reason, row.note, row.infusions, row.patients, row.given,
    ]  # fmt: skip


def compromises(site: Site, months: int, now: datetime) -> list[Compromise]:
    """Month by month at the site, newest first, up to and with the present one."""
    zone = zone_of(site)
    first = _months_back(local_date(now, zone).replace(day=1), months - 1)
    rows = (
        Infusion.objects.started()
        .filter(site=site, started_at__gte=resolve_local(first, time(0), zone).instant, started_at__lte=now)
        .select_related("protocol_version")
    )
    given: dict[date, int] = defaultdict(int)
    found: dict[tuple[date, str, str], list[int]] = defaultdict(list)
    for row in rows:
        if row.started_at is None:
            continue
        month = local_date(row.started_at, zone).replace(day=1)
        given[month] += 1
        for kind, reason in _kinds(row):
            found[month, kind, reason].append(row.patient_id)
    lines = [
        Compromise(month, kind, reason, len(people), len(set(people)), given[month])
        for (month, kind, reason), people in found.items()
    ]
    return sorted(lines, key=lambda item: (-item.month.toordinal(), item.kind, item.reason))


def _kinds(infusion: Infusion) -> Iterator[tuple[str, str]]:
    dose: DoseRule = infusion.protocol_version.read().dose
    low = infusion.order_low_reason
    if low == PROTOCOL or (not low and dose.mg_per_kg < USUAL_DOSE):
        yield "low_dose", dose.low_dose_reason
    elif low and low != ROUNDING:
        yield "low_order", low
    if infusion.order_minutes is not None and infusion.order_minutes < USUAL_MINUTES:
        yield "short_order", infusion.order_short_reason
    elif infusion.order_minutes is None and dose.infusion_minutes < USUAL_MINUTES:
        yield "short", dose.short_infusion_reason
    if infusion.order_route and infusion.order_route != IV:
        yield "route_order", infusion.order_route_reason
    elif not infusion.order_route and dose.route != IV:
        yield "route", dose.route_reason


def _months_back(first: date, count: int) -> date:
    for _ in range(count):
        first = (first - timedelta(days=1)).replace(day=1)
    return first
