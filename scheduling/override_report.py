"""The monthly report of overrides: every rule of a site that somebody set aside, by whom, with which reason.

Nothing is counted twice or kept for the report: it reads the facts as they were recorded (answers to gates, starts
against a check, signatures with a criterion unmet or another therapy time, co-signed orders, longer gaps, sole
approvals). Superseded rows count too: what was overridden once was overridden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from protocols.models import ProtocolVersion
from scheduling.models import GapException, SpacingDecision
from sessions import clearance, gates
from sessions.models import GateAnswer, Infusion, SignOff
from staff.errors import InvalidInput
from staff.models import Site, User


@dataclass(frozen=True)
class Override:
    """One override. `patient` is the record's number, empty where none is concerned."""

    at: datetime
    what: str
    rule: str
    reason: str
    note: str
    by: User
    role: str
    second: User | None = None
    patient: str = ""
    patient_code: UUID | None = None


@dataclass(frozen=True)
class Month:
    """A calendar month of a site: [first, until) in UTC."""

    first: date
    start: datetime
    until: datetime

    @property
    def name(self) -> str:
        """`2026-03`."""
        return f"{self.first:%Y-%m}"


def read_month(text: str, today: date, zone: ZoneInfo) -> Month:
    """`2026-03`; the present month without a text. Raises InvalidInput. 2000 to 2100."""
    first = today.replace(day=1)
    if text:
        year, dash, month = text.partition("-")
        digits = text.isascii() and len(text) == 7 and dash == "-" and year.isdigit() and month.isdigit()
        if not digits or not 2000 <= int(year) <= 2100 or not 1 <= int(month) <= 12:
            raise InvalidInput("Write the month as 2026-03.", code="month", field="month")
        first = date(int(year), int(month), 1)
    following = following_month(first)
    return Month(first, _midnight(first, zone), _midnight(following, zone))


def following_month(first: date) -> date:
    """The first day of the next month."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def month_before(first: date) -> date:
    """The first day of the month before."""
    return date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def overrides(site: Site, month: Month) -> list[Override]:
    """All of a month, in order of time. The number of queries does not grow with the rows."""
    span = (month.start, month.until)
    found = [
        *_gates(site, span),
        *_signatures(site, span),
        *_doses(site, span),
        *_gaps(site, span),
        *_spacing(site, span),
        *_approvals(site, span),
    ]
    return sorted(found, key=lambda item: item.at)


def by_rule(rows: list[Override]) -> list[tuple[str, int]]:
    """How often each rule was set aside, the most frequent first."""
    return sorted(Counter(row.rule for row in rows).items(), key=lambda item: (-item[1], item[0]))


Span = tuple[datetime, datetime]


def _gates(site: Site, span: Span) -> Iterator[Override]:
    rows = GateAnswer.objects.filter(
        site=site, outcome=GateAnswer.Outcome.OVERRIDDEN, answered_at__gte=span[0], answered_at__lt=span[1]
    )
    for row in rows.select_related("patient", "answered_by"):
        yield Override(
            row.answered_at,
            "Started against a check" if row.visit is None else "Gate before the visit",
            row.label,
            gates.OVERRIDE_REASONS.get(row.reason_code, row.reason_code),
            row.note,
            row.answered_by,
            "clinician",
            None,
            row.patient.mrn,
            row.patient.code,
        )


def _signatures(site: Site, span: Span) -> Iterator[Override]:
    rows = SignOff.objects.filter(infusion__site=site, signed_at__gte=span[0], signed_at__lt=span[1])
    reasons = {**clearance.DELAY_REASONS, **clearance.ADVANCE_REASONS}
    for row in rows.select_related("infusion__patient", "signed_by", "second_person"):
        patient = row.infusion.patient
        if row.unmet_reason:
            yield Override(
                row.signed_at, "Discharge", "Discharge criterion not met", row.unmet_reason, "", row.signed_by,
                "clinician", row.second_person, patient.mrn, patient.code,
            )  # fmt: skip
        if row.override_to is not None:
            yield Override(
                row.signed_at, "Discharge", "Therapy time set by a clinician",
                reasons.get(row.override_code, row.override_code), row.override_reason, row.signed_by, "clinician",
                row.second_person, patient.mrn, patient.code,
            )  # fmt: skip


def _doses(site: Site, span: Span) -> Iterator[Override]:
    rows = Infusion.objects.filter(
        site=site, order_cosigned_by__isnull=False, ordered_at__gte=span[0], ordered_at__lt=span[1]
    )
    for row in rows.select_related("patient", "ordered_by", "order_cosigned_by"):
        if row.ordered_by is not None and row.ordered_at is not None:
            yield Override(
                row.ordered_at, "Order", "Dose above the protocol's ceiling", "Co-signed", f"{row.ordered_mg} mg",
                row.ordered_by, "clinician", row.order_cosigned_by, row.patient.mrn, row.patient.code,
            )  # fmt: skip


def _gaps(site: Site, span: Span) -> Iterator[Override]:
    rows = GapException.objects.filter(
        series__site=site, approved_at__gte=span[0], approved_at__lt=span[1]
    ).select_related("series__patient", "approved_by")
    for row in rows:
        patient = row.series.patient
        yield Override(
            row.approved_at, "Booking", "Gap longer than the protocol's maximum", row.reason,
            f"Up to {row.max_hours} h before infusion {row.ordinal}", row.approved_by, "clinician", None, patient.mrn,
            patient.code,
        )  # fmt: skip


def _spacing(site: Site, span: Span) -> Iterator[Override]:
    rows = SpacingDecision.objects.filter(
        series__site=site, decided_at__gte=span[0], decided_at__lt=span[1]
    ).select_related("series__patient", "decided_by")
    for row in rows:
        patient = row.series.patient
        yield Override(
            row.decided_at, "Booking", "Infusions closer than the rule", row.reason, f"Infusion {row.ordinal}",
            row.decided_by, "clinician", None, patient.mrn, patient.code,
        )  # fmt: skip


def _approvals(site: Site, span: Span) -> Iterator[Override]:
    """Protocols belong to no site: an approval without a second reviewer is in the report of its approver's sites."""
    rows = ProtocolVersion.objects.filter(
        approval=ProtocolVersion.Approval.SOLE, approved_at__gte=span[0], approved_at__lt=span[1],
        approved_by__sites=site,
    ).select_related("template", "approved_by")  # fmt: skip
    for row in rows:
        if row.approved_by is not None and row.approved_at is not None:
            yield Override(
                row.approved_at, "Protocol", "Approved without a second reviewer", "Alone after 24 hours", str(row),
                row.approved_by, "protocol_admin",
            )  # fmt: skip


COLUMNS = ("at", "what", "rule", "reason", "note", "by", "role", "second_person", "patient")


def line_of(row: Override) -> list[str]:
    """One override in the order of COLUMNS, its time in UTC."""
    second = row.second.full_name if row.second else ""
    return [
        row.at.isoformat(), row.what, row.rule, row.reason, row.note, row.by.full_name, row.role, second, row.patient,
    ]  # fmt: skip
