"""The day sheet: today's visits on one page that is readable without the system. Made each morning by the tick.

The page is kept as a row and, where `DAY_SHEET_DIR` is set, written as a file that only its owner may read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from scheduling.booking_pages import chair_of, resource_name, title_of
from scheduling.domain.localtime import local_date, resolve_local
from scheduling.models import Appointment, DaySheet
from sessions import dosing
from staff.clock import app_now
from staff.models import Site

MORNING = time(6)


@dataclass(frozen=True)
class SheetLine:
    """One visit as printed. `place`: the chair, or who treats; empty while neither stands.

    `dose` is worked out from the planning weight and replaced by today's order.
    """

    visit: Appointment
    start: datetime
    end: datetime
    what: str
    place: str
    nurse: str
    prescriber: str
    dose: str


def sheet_lines(site: Site, day: date) -> list[SheetLine]:
    """The visits of one local day in order of time, those without a time left out."""
    zone = ZoneInfo(site.time_zone)
    start = resolve_local(day, time(0), zone).instant
    end = resolve_local(day + timedelta(days=1), time(0), zone).instant
    rows = Appointment.objects.filter(
        site=site, status__in=[*Appointment.BLOCKING, Appointment.Status.COMPLETED], during__startswith__gte=start,
        during__startswith__lt=end,
    ).exclude(kind=Appointment.Kind.HOLD)  # fmt: skip
    return [_line(row) for row in rows.for_page().order_by("during", "pk")]


def _line(visit: Appointment) -> SheetLine:
    return SheetLine(
        visit=visit,
        start=visit.during.lower,
        end=visit.during.upper,
        what=title_of(visit),
        place=chair_of(visit) or (visit.practitioner.full_name if visit.practitioner else ""),
        nurse=resource_name(visit, "nurse"),
        prescriber=resource_name(visit, "clinician"),
        dose=_dose(visit),
    )


def _dose(visit: Appointment) -> str:
    if visit.kind != Appointment.Kind.INFUSION or visit.series is None:
        return ""
    if visit.infusion is not None and visit.infusion.ordered_mg is not None:
        return f"ordered {visit.infusion.ordered_mg} mg"
    planned = dosing.planned_dose(visit.protocol_version.read().dose, visit.series.weight_kg)
    return f"about {planned.mg.normalize():f} mg at {visit.series.weight_kg} kg; weigh and order today"


@transaction.atomic
def make_day_sheet(*, site: Site, day: date | None = None, at: datetime | None = None) -> DaySheet:
    """Make (or renew) the sheet of one local day and keep it. Safe under concurrent callers."""
    now = at or app_now()
    chosen = day or local_date(now, ZoneInfo(site.time_zone))
    lines = sheet_lines(site, chosen)
    with timezone.override(ZoneInfo(site.time_zone)):
        html = render_to_string(
            "scheduling/day_sheet_kept.html", {"site": site, "day": chosen, "now": now, "lines": lines}
        )
    sheet, _ = DaySheet.objects.update_or_create(
        site=site, day=chosen, defaults={"made_at": now, "visits": len(lines), "html": html}
    )
    return sheet


def write_sheet(sheet: DaySheet, folder: Path) -> Path:
    """Write the kept page as a file of mode 0600; an older one of the same day is replaced in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"day-sheet-{sheet.site.code}-{sheet.day.isoformat()}.html"
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(sheet.html)
    fresh.replace(path)
    return path


def make_morning_sheets(*, at: datetime | None = None) -> int:
    """For the tick: the sheet of each site whose morning (06:00 local) has come. Returns how many were made."""
    now = at or app_now()
    made = 0
    for site in Site.objects.all():
        local = now.astimezone(ZoneInfo(site.time_zone))
        if local.time() < MORNING or DaySheet.objects.filter(site=site, day=local.date()).exists():
            continue
        sheet = make_day_sheet(site=site, at=now)
        if settings.DAY_SHEET_DIR:
            write_sheet(sheet, Path(settings.DAY_SHEET_DIR))
        made += 1
    return made
