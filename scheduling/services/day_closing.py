"""Closing the day: no unsigned record, adverse event, risk or unplaced follow-up is left without an owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.urls import reverse

from patients.models import Patient
from scheduling.domain.localtime import local_date
from scheduling.models import DayClosing, WorkItem
from scheduling.services.workitems import raise_item
from sessions.models import AdverseEvent, Infusion
from sessions.services import ADVERSE_EVENTS
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, StateConflict
from staff.history import acting
from staff.models import Site, User

Kind = WorkItem.Kind
OPEN_RECORDS = frozenset({*Infusion.BEFORE_START, *Infusion.RUNNING, Infusion.Status.RECOVERING})
LISTED = frozenset(
    {Kind.RISK_REVIEW, Kind.PRESCRIBER, Kind.UNPLACED, Kind.DISPLACED, Kind.CALL_PATIENT, Kind.STALE_WINDOW}
)


@dataclass(frozen=True)
class OpenLine:
    """One thing left of the day. `key` names it; `owner` is who has it already, if anybody."""

    key: str
    group: str
    text: str
    patient: Patient | None
    url: str
    owner: User | None
    due_at: datetime


def day_of(site: Site, at: datetime) -> date:
    """The site's local day at `at`."""
    return local_date(at, ZoneInfo(site.time_zone))


def open_lines(site: Site) -> list[OpenLine]:
    """What is open at this site now, in four queries whatever their number."""
    records = Infusion.objects.filter(site=site, status__in=OPEN_RECORDS).select_related("patient")
    events = AdverseEvent.objects.live().filter(infusion__site=site, resolved_at__isnull=True)
    items = WorkItem.objects.open().filter(site=site).select_related("patient", "owner")
    rows = list(items.order_by("due_at", "pk"))
    owners = {(row.kind, row.key): row.owner for row in rows}
    lines = [_record_line(row, owners) for row in records.order_by("arrived_at")]
    lines += [
        _event_line(row, owners) for row in events.select_related("infusion__patient").order_by("observed_at")
    ]
    for row in rows:
        if row.kind in LISTED and not row.key.startswith("ae:"):
            url = row.url or reverse("work_list")
            lines.append(
                OpenLine(
                    f"{row.kind}|{row.key}", _group(row), row.title, row.patient, url, row.owner, row.due_at
                )
            )
    return lines


def _group(row: WorkItem) -> str:
    if row.kind in (Kind.RISK_REVIEW, Kind.PRESCRIBER) or row.key.startswith("alert:"):
        return "Risk and prescriber"
    return "Patients to call or look after" if row.kind == Kind.CALL_PATIENT else "Not placed"


def _record_line(row: Infusion, owners: Mapping[tuple[str, str], User | None]) -> OpenLine:
    key = str(row.code)
    url = reverse("infusion_detail", args=[row.code])
    text = f"Infusion visit {row.ordinal} is not signed ({row.get_status_display().lower()})"
    owner = owners.get((Kind.UNSIGNED, key))
    return OpenLine(f"{Kind.UNSIGNED}|{key}", "Records", text, row.patient, url, owner, row.arrived_at)


def _event_line(row: AdverseEvent, owners: Mapping[tuple[str, str], User | None]) -> OpenLine:
    key = f"ae:{row.code}"
    url = f"{reverse('infusion_detail', args=[row.infusion.code])}#adverse-events"
    text = f"Adverse event still open: {ADVERSE_EVENTS.get(row.kind, row.kind).lower()}"
    owner = owners.get((Kind.PRESCRIBER, key))
    found = f"{Kind.PRESCRIBER}|{key}"
    return OpenLine(found, "Adverse events", text, row.infusion.patient, url, owner, row.observed_at)


def close_day(
    *, site: Site, owners: Mapping[str, User], by: User, operator: str = "", at: datetime | None = None
) -> DayClosing:
    """Close the site's present day: every open line gets its owner, whose list it then stands on.

    `owners`: line key -> person. A line that has an owner keeps them when none is named. `operator`: who closes it by
    command on the server, in the name of `by`, who has not signed in; the history then names no person as the one who
    acted, but the operator, and in whose name. Raises InvalidInput at `owner` for lines without one, NotAllowed for
    people of other sites, StateConflict when the day is closed.
    """
    now = at or app_now()
    day = day_of(site, now)
    in_whose_name = {"operator": operator, "in_the_name_of": by.pk} if operator else {}
    with acting(None if operator else by, **in_whose_name):
        Site.objects.select_for_update().get(pk=site.pk)
        if DayClosing.objects.filter(site=site, day=day).exists():
            raise StateConflict("This day is closed already.", code="day-closed")
        lines = open_lines(site)
        chosen = {line.key: owners.get(line.key) or line.owner for line in lines}
        left = [line for line in lines if chosen[line.key] is None]
        if left:
            words = f"{len(left)} without an owner: {left[0].text.lower()}."
            raise InvalidInput(words, code="owner-needed", field="owner")
        for line in lines:
            _give(line, chosen[line.key], site, now)
        return DayClosing.objects.create(
            site=site,
            day=day,
            closed_at=now,
            closed_by=by,
            operator=operator[:60],
            items=[
                {
                    "key": line.key,
                    "text": line.text,
                    "patient": str(line.patient) if line.patient else "",
                    "owner": str(chosen[line.key]),
                }
                for line in lines
            ],
        )


def _give(line: OpenLine, owner: User | None, site: Site, now: datetime) -> None:
    if owner is None or site.pk not in owner.site_ids() or not owner.is_active:
        raise NotAllowed("Choose somebody who works at this site.", code="other-site", field="owner")
    kind, _, key = line.key.partition("|")
    row = WorkItem.objects.open().filter(kind=kind, key=key).first()
    if row is not None:
        if row.owner_id != owner.pk:
            row.owner = owner
            row.save(update_fields=["owner"])
        return
    raise_item(
        kind=kind, key=key, site=site, patient=line.patient, title=line.text, role=roles.CLINICIAN, owner=owner,
        url=line.url.partition("#")[0], due_at=line.due_at, at=now,
    )  # fmt: skip
