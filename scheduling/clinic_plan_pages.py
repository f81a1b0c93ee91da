"""What the clinic optimiser's pages draw: who waits, how far a run is, and what it would change. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from patients.models import Patient
from scheduling.models import ClinicPlanEntry, ClinicPlanRun, Resource, TreatmentSeries
from sessions.models import Infusion
from staff.models import Site, User

MOST_WAITING = 60
BAR_HEIGHT = 48.0


def waiting_patients(site: Site, user: User) -> QuerySet[Patient]:
    """Active patients of the site without a running series, those longest on the books first; with the last weight.

    `last_weight_kg` is None without one; `had_series` says that an earlier series has ended.
    """
    weighed = Infusion.objects.filter(patient=OuterRef("pk"), weight_kg__isnull=False).order_by("-weighed_at")
    series = TreatmentSeries.objects.filter(patient=OuterRef("pk"))
    planned = series.order_by("-booked_at").values("weight_kg")[:1]
    found: Any = Patient.objects.visible_to(user).filter(site=site, status=Patient.Status.ACTIVE)
    return (
        found.filter(~Exists(series.live()))
        .annotate(
            weighed_kg=Subquery(weighed.values("weight_kg")[:1]),
            planned_kg=Subquery(planned),
            had_series=Exists(series),
        )
        .order_by("had_series", "created_at", "pk")
    )


@dataclass(frozen=True)
class WaitingRow:
    """One line of the choice: the patient, and what was typed or is known."""

    patient: Patient
    chosen: bool
    weight: str
    priority: int
    note: str


def waiting_rows(
    patients: Sequence[Any], chosen: frozenset[str], weights: dict[str, str], priorities: dict[str, str]
) -> list[WaitingRow]:
    """The lines of the choice, with what was sent kept."""
    rows = []
    for patient in patients:
        code = str(patient.code)
        known = patient.weighed_kg or patient.planned_kg
        rows.append(
            WaitingRow(
                patient,
                code in chosen,
                weights.get(code, f"{known:f}" if isinstance(known, Decimal) else ""),
                int(priorities[code]) if priorities.get(code, "") in ("1", "2", "3") else 2,
                "had a series before" if patient.had_series else "first series",
            )
        )
    return rows


@dataclass(frozen=True)
class DayBar:
    """Chairs in use on one day: heights in drawing units, from the bottom up."""

    day: date
    before: int
    after: int
    x: float
    before_y: float
    before_height: float
    after_y: float
    after_height: float


@dataclass(frozen=True)
class PlanEntry:
    """One patient's proposal in words."""

    row: ClinicPlanEntry
    first: datetime | None
    last: datetime | None
    dates: tuple[datetime, ...]
    windows_kept: int
    windows: int
    chairs: str


@dataclass(frozen=True)
class RunView:
    """Everything the run's template reads."""

    run: ClinicPlanRun
    entries: tuple[PlanEntry, ...]
    bars: tuple[DayBar, ...]
    chairs: int
    width: float
    open_count: int
    above_best: str
    above_best_number: str
    words: str
    placed: str
    windows: str
    peaks: str


def run_view(run: ClinicPlanRun) -> RunView:
    """A run as its page shows it; two queries, whatever the number of patients."""
    names = {
        str(item.code): item.name for item in Resource.objects.filter(site=run.site, kind=Resource.Kind.CHAIR)
    }
    rows = run.entries.select_related("patient", "series")
    entries = tuple(_entry(row, names) for row in rows)
    report = run.report or {}
    days = report.get("days", [])
    chairs = int(report.get("chairs", 0))
    return RunView(
        run=run,
        entries=entries,
        bars=tuple(_bar(n, item, chairs) for n, item in enumerate(days)),
        chairs=chairs,
        width=max(1, len(days)) * 14.0,
        open_count=sum(item.row.state == ClinicPlanEntry.State.PROPOSED for item in entries),
        above_best=above_best_words(run),
        above_best_number=above_best_number(run),
        words=progress_words(run, len(entries)),
        placed=f"{run.placed} of {len(entries)}",
        windows=f"{report.get('windows_kept', 0)} of {report.get('windows', 0)}",
        peaks=f"{max((item['after'] for item in days), default=0)} of {chairs}",
    )


def _entry(row: ClinicPlanEntry, chairs: dict[str, str]) -> PlanEntry:
    dates = tuple(datetime.fromisoformat(item["start"]) for item in row.visits)
    used = sorted({chairs.get(item["chair"], "") for item in row.visits} - {""})
    kept = {item["ordinal"] for item in row.therapy}
    return PlanEntry(
        row=row,
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        dates=dates,
        windows_kept=len(kept),
        windows=len(row.visits),
        chairs=", ".join(used),
    )


def _bar(n: int, item: dict[str, Any], chairs: int) -> DayBar:
    step = BAR_HEIGHT / max(1, chairs)
    before, after = int(item["before"]), int(item["after"])
    return DayBar(
        day=date.fromisoformat(item["day"]),
        before=before,
        after=after,
        x=round(n * 14.0 + 1, 1),
        before_y=round(BAR_HEIGHT - before * step, 1),
        before_height=round(before * step, 1),
        after_y=round(BAR_HEIGHT - after * step, 1),
        after_height=round(after * step, 1),
    )


def above_best_number(run: ClinicPlanRun) -> str:
    """`4.2 %`; empty before there is a plan."""
    above = run.percent_above_best
    return "" if above is None else f"{above:.1f} %"


def above_best_words(run: ClinicPlanRun) -> str:
    """`at most 4.2 % from the best possible`; empty before there is a plan."""
    above = run.percent_above_best
    if above is None:
        return ""
    return "the best possible" if above < 0.05 else f"at most {above:.1f} % from the best possible"


def progress_words(run: ClinicPlanRun, wanted: int) -> str:
    """`12 of 14 patients placed`."""
    if run.state == ClinicPlanRun.State.QUEUED:
        return "Waiting for a worker"
    return f"{run.placed} of {wanted} patients placed"
