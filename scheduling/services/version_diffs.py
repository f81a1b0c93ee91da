"""What moving a series to another text changes, row by row: visits, follow-ups, consents; and the digest of it all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from patients.models import Patient
from protocols.models import ProtocolDocument, ProtocolVersion
from protocols.wording import plain_number
from scheduling.domain.localtime import local_date
from scheduling.loaders import zone_of
from scheduling.models import Appointment, FollowUp, TreatmentSeries
from scheduling.planning import predicted_clearance
from sessions.models import Consent, EducationRecord
from sessions.services.readiness import accepted_documents
from staff.errors import DomainError

Status = Appointment.Status
LOST = frozenset({Status.CANCELLED, Status.NO_SHOW})


@dataclass(frozen=True)
class VisitLine:
    """One infusion of the diff. Times are ISO instants ("" = none); doses in mg for the planning weight.

    `frozen`: past, under way or settled: nothing about it changes.
    """

    ordinal: int
    frozen: bool
    state: str
    start_before: str = ""
    start_after: str = ""
    leaves_before: str = ""
    leaves_after: str = ""
    therapy_before: str = ""
    therapy_after: str = ""
    dose_before: str = ""
    dose_after: str = ""

    @property
    def changed(self) -> bool:
        """Anything that differs."""
        return (self.start_before, self.leaves_before, self.therapy_before, self.dose_before) != (
            self.start_after, self.leaves_after, self.therapy_after, self.dose_after,
        )  # fmt: skip


@dataclass(frozen=True)
class TaskLine:
    """One follow-up that changes: `before` and `after` are its targets, "" where it is not asked for."""

    ordinal: int
    title: str
    before: str
    after: str


def digest_of(seen: Mapping[str, Any]) -> str:
    """SHA-256 of what was shown, so that only that is signed."""
    text = json.dumps(seen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class VersionDiff:
    """Everything that moving would change; `sha256` is what the signature names."""

    from_version: ProtocolVersion
    to_version: ProtocolVersion
    visits: tuple[VisitLine, ...] = ()
    follow_ups: tuple[TaskLine, ...] = ()
    consents: tuple[str, ...] = ()
    refusal: DomainError | None = field(default=None, compare=False)

    @property
    def as_json(self) -> dict[str, Any]:
        """What is stored beside the signature."""
        return {
            "from": str(self.from_version.code),
            "to": str(self.to_version.code),
            "text": [self.from_version.sha256, self.to_version.sha256],
            "visits": [asdict(line) for line in self.visits],
            "follow_ups": [asdict(line) for line in self.follow_ups],
            "consents": list(self.consents),
        }

    @property
    def sha256(self) -> str:
        """Digest of what was seen."""
        return digest_of(self.as_json)


def today(series: TreatmentSeries, now: datetime) -> date:
    return local_date(now, zone_of(series.site))


def is_frozen(row: Appointment) -> bool:
    return row.infusion_id is not None or row.status not in Appointment.MOVABLE


def picture(series: TreatmentSeries, now: datetime) -> dict[int, VisitLine]:
    """How each infusion of the series stands at present; the newest row of an ordinal counts."""
    found: dict[int, VisitLine] = {}
    predicted = predicted_clearance(
        series.protocol_version.read(), series.patient, weight_kg=series.weight_kg, on=today(series, now)
    )
    dose = series.protocol_version.read().dose
    planned = f"{plain_number(predicted.dose_mg)} mg over {dose.infusion_minutes} min"
    for row in series.appointments.infusions().order_by("ordinal", "pk"):
        frozen = is_frozen(row)
        has_time = row.status not in (Status.DISPLACED, *LOST)
        found[row.ordinal or 0] = VisitLine(
            ordinal=row.ordinal or 0,
            frozen=frozen and row.status not in LOST,
            state=row.get_status_display(),
            start_before=iso(row.during.lower) if has_time else "",
            leaves_before=iso(row.during.upper) if has_time else "",
            therapy_before=iso(row.predicted_t0) if has_time else "",
            dose_before="" if frozen else planned,
        )
    for number in series.numbers:
        found.setdefault(number, VisitLine(number, frozen=False, state="No date yet", dose_before=planned))
    return found


def iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def line(number: int, before: VisitLine | None, after: VisitLine | None) -> VisitLine:
    old, new = before or VisitLine(number, False, "Not there"), after or VisitLine(number, False, "Not there")
    gone = after is None or new.state == Status.CANCELLED.label != old.state
    return VisitLine(
        ordinal=number,
        frozen=old.frozen,
        state="Falls away" if gone else new.state,
        start_before=old.start_before,
        start_after="" if gone else new.start_before,
        leaves_before=old.leaves_before,
        leaves_after="" if gone else new.leaves_before,
        therapy_before=old.therapy_before,
        therapy_after="" if gone else new.therapy_before,
        dose_before=old.dose_before,
        dose_after="" if gone else new.dose_before,
    )


Task = tuple[int, str, int]


def tasks(series: TreatmentSeries) -> dict[Task, tuple[str, str]]:
    """Title and target of every open follow-up of the series."""
    rows = FollowUp.objects.filter(series=series, state__in=FollowUp.OPEN).select_related("visit")
    return {(row.visit.ordinal or 0, row.kind, row.ordinal): (row.title, iso(row.target_at)) for row in rows}


def task_lines(
    before: Mapping[Task, tuple[str, str]], after: Mapping[Task, tuple[str, str]]
) -> Iterable[TaskLine]:
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            title = (new or old or ("", ""))[0]
            yield TaskLine(key[0], title, old[1] if old else "", new[1] if new else "")


def consents_asked(patient: Patient, version: ProtocolVersion, now: datetime) -> Iterable[str]:
    """What the new text asks of the patient before the next infusion."""
    for kind, model, moment in (
        (ProtocolDocument.Kind.CONSENT, Consent, "given"),
        (ProtocolDocument.Kind.EDUCATION, EducationRecord, "taught"),
    ):
        accepted = accepted_documents(version, kind)
        rows: Any = (
            model.objects.in_force(now) if model is Consent else model.objects.filter(taught_at__lte=now)
        )
        valid = rows.filter(patient=patient, document_id__in=accepted).exists()
        any_before = rows.filter(patient=patient).exists()
        name = kind.label
        if valid:
            yield f"{name}: what was {moment} stays valid."
        elif any_before:
            yield f"{name}: the text of version {version.number} is material: again before the next infusion."
        else:
            yield f"{name}: not {moment} yet; needed before the next infusion."
