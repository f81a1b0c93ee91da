"""The clinic optimiser: waiting patients of one site planned together. What is accepted of it is booked by
`clinic_plan_bookings`.

`start_run` writes the job row and wakes a worker after the commit; `work` searches and keeps the row up to date. A lost
wake-up harms nothing: the tick wakes queued runs again and ends those whose worker has fallen silent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.domain.clinic_plan import ClinicPlan, plan_clinic
from scheduling.domain.localtime import local_date
from scheduling.domain.search import Progress
from scheduling.domain.series_types import SeriesPlan, SeriesRequest
from scheduling.loaders import zone_of
from scheduling.models import ClinicPlanEntry, ClinicPlanRun, Resource, TreatmentSeries
from scheduling.planning import Wish as PlanWish
from scheduling.planning import load_for, load_patient, predicted_clearance, series_request
from scheduling.services.proposals import planning_span, rested
from scheduling.services.rules import check_patient, check_version
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, StateConflict
from staff.history import acting
from staff.locks import lock
from staff.models import Site, User

log = logging.getLogger("clearwindow.clinic_plans")
MOST_PATIENTS = 60
MOST_SECONDS = 300
MOST_REASONS = 6
PAUSE = 0.5  # seconds between two looks at the row
WAKE_AFTER = timedelta(seconds=10)
SILENT_AFTER = timedelta(seconds=60)
State, Place = ClinicPlanRun.State, ClinicPlanEntry.State


@dataclass(frozen=True)
class Wish:
    """One waiting patient: the weight to plan with, and how much their wait counts (1 least, 3 most)."""

    patient: Patient
    weight_kg: Decimal
    priority: int = 2


def start_run(
    *,
    site: Site,
    protocol_version: ProtocolVersion,
    first_day: date,
    wishes: Sequence[Wish],
    seconds: int,
    by: User,
    wake: Callable[[str], object],
    at: datetime | None = None,
) -> ClinicPlanRun:
    """Write a run that waits for a worker; `wake(code)` is called once it is committed.

    Raises InvalidInput (nobody chosen, too many, twice, another site, a date that cannot be used), StateConflict (a
    run of this site is going on, or a patient has an active series), RuleNotMet for a patient who may not be booked.
    """
    now = at or app_now()
    _check_wishes(site, wishes, seconds)
    check_version(protocol_version)
    definition = protocol_version.read()
    planning_span(first_day, definition, site, now)
    for wish in wishes:
        check_patient(wish.patient, definition, by=by, at=now, caution_reason="")
        predicted_clearance(definition, wish.patient, weight_kg=wish.weight_kg, on=first_day)
    try:
        with acting(by):
            lock(patients=[wish.patient.pk for wish in wishes])
            live = TreatmentSeries.objects.live().filter(patient__in=[wish.patient for wish in wishes])
            if (taken := live.select_related("patient").first()) is not None:
                words = f"{taken.patient.full_name} already has an active series."
                raise StateConflict(words, code="one-active-series-per-patient")
            run = ClinicPlanRun.objects.create(
                site=site,
                protocol_version=protocol_version,
                first_day=first_day,
                seconds=seconds,
                requested_by=by,
                requested_at=now,
            )
            ClinicPlanEntry.objects.bulk_create(
                ClinicPlanEntry(
                    run=run, patient=wish.patient, weight_kg=wish.weight_kg, priority=wish.priority
                )
                for wish in wishes
            )
            transaction.on_commit(lambda: wake(str(run.code)))
    except IntegrityError as error:
        words = "A plan of this clinic is being worked out already. Wait for it, or stop it."
        raise StateConflict(words, code="clinic-plan-running") from error
    return run


def _check_wishes(site: Site, wishes: Sequence[Wish], seconds: int) -> None:
    if not wishes:
        raise InvalidInput("Choose at least one patient.", code="nobody", field="patients")
    if len(wishes) > MOST_PATIENTS:
        words = f"Plan at most {MOST_PATIENTS} patients together."
        raise InvalidInput(words, code="too-many", field="patients")
    if len({wish.patient.pk for wish in wishes}) < len(wishes):
        raise InvalidInput("A patient is chosen twice.", code="twice", field="patients")
    if any(wish.patient.site_id != site.pk for wish in wishes):
        raise InvalidInput("A patient belongs to another site.", code="other-site", field="patients")
    if any(wish.priority not in (1, 2, 3) for wish in wishes):
        raise InvalidInput("Urgency is 1, 2 or 3.", code="priority", field="patients")
    if not 1 <= seconds <= MOST_SECONDS:
        words = f"Search for 1 to {MOST_SECONDS} seconds."
        raise InvalidInput(words, code="seconds", field="seconds")


def ask_to_stop(*, run: ClinicPlanRun, by: User) -> ClinicPlanRun:
    """The search ends soon and keeps the best so far; a run that has not begun ends at once.

    Asking again, or after the end, changes nothing.
    """
    with acting(by):
        fresh = ClinicPlanRun.objects.select_for_update().get(pk=run.pk)
        if fresh.going and fresh.stop_asked_by_id is None:
            fresh.stop_asked_by = by
            if fresh.state == State.QUEUED:
                _end(fresh, State.FAILED, "Stopped before it began")
            fresh.save()
    return fresh


def _end(run: ClinicPlanRun, state: str, failure: str = "") -> None:
    run.state, run.failure, run.finished_at = state, failure[:120], app_now()


def work(code: str, *, watch: Callable[[Progress, int], object] | None = None) -> bool:
    """Do one queued run to its end; False when somebody else has it, or another run is going on anywhere.

    watch: told of each improvement and the bound, for a person at a terminal.

    One at a time: a search fills a worker process, and one must stay free for the tick. The tick wakes those that
    wait. A failure ends the run in words and is logged.
    """
    with acting(None):
        going = list(ClinicPlanRun.objects.going().select_for_update().order_by("pk"))
        run = next((item for item in going if str(item.code) == code), None)
        if run is None or any(item.state == State.RUNNING for item in going):
            return False
        run.state, run.started_at, run.beat_at = State.RUNNING, app_now(), app_now()
        run.save()
    run = ClinicPlanRun.objects.for_page().get(pk=run.pk)
    entries = list(run.entries.select_related("patient__site", "patient__therapist", "patient__prescriber"))
    try:
        requests = requests_of(run, entries, app_now())
        plan = plan_clinic(requests, spent=_Clock(run), report=_Reporter(run, watch))
    except DomainError as refusal:
        _fail(run, refusal.message)
    except Exception as error:
        log.error("clinic plan %s failed with %s", run.code, type(error).__name__)
        _fail(run, "The search broke off. Start it again; if this comes back, tell support.")
    else:
        _write_down(run, entries, plan)
    return True


def requests_of(run: ClinicPlanRun, entries: Sequence[ClinicPlanEntry], at: datetime) -> list[SeriesRequest]:
    """The very questions that the plan page would ask, one per patient, on one reading of the site."""
    definition = run.protocol_version.read()
    earliest, until = planning_span(
        max(run.first_day, local_date(at, zone_of(run.site))), definition, run.site, at
    )
    load = load_for(run.site, earliest, until)
    found = []
    for entry in entries:
        who = load_patient(entry.patient, at=at)
        predicted = predicted_clearance(
            definition, entry.patient, weight_kg=entry.weight_kg, on=local_date(at, load.zone)
        )
        request = series_request(
            definition,
            load,
            who,
            predicted,
            earliest=rested(who, definition, earliest),
            until=until,
            wish=PlanWish(),
        )
        found.append(replace(request, priority=entry.priority))
    return found


class _Clock:
    """The share of the time used, for the search; looks at the row now and then, where a stop is asked for."""

    def __init__(self, run: ClinicPlanRun) -> None:
        self._run, self._began = run, time.monotonic()
        self._looked, self._stopped = self._began, False

    def __call__(self) -> float:
        now = time.monotonic()
        share = (now - self._began) / self._run.seconds
        if now - self._looked >= PAUSE:
            self._looked = now
            row = ClinicPlanRun.objects.filter(pk=self._run.pk, state=State.RUNNING)
            row.update(percent=min(99, int(100 * share)), beat_at=app_now())
            self._stopped = not row.filter(stop_asked_by__isnull=True).exists()
        return 1.0 if self._stopped else share


class _Reporter:
    """Writes improvements to the row, at most one in each pause."""

    def __init__(self, run: ClinicPlanRun, watch: Callable[[Progress, int], object] | None = None) -> None:
        self._run, self._wrote, self._watch = run, 0.0, watch

    def __call__(self, progress: Progress, bound: int) -> None:
        now = time.monotonic()
        if self._watch is not None:
            self._watch(progress, bound)
        if now - self._wrote >= PAUSE:
            self._wrote = now
            ClinicPlanRun.objects.filter(pk=self._run.pk).update(
                placed=progress.placed, cost=progress.cost, bound=bound
            )


def _fail(run: ClinicPlanRun, words: str) -> None:
    with acting(None):
        fresh = ClinicPlanRun.objects.select_for_update().get(pk=run.pk)
        if fresh.going:
            _end(fresh, State.FAILED, words)
            fresh.save()


def _write_down(run: ClinicPlanRun, entries: Sequence[ClinicPlanEntry], plan: ClinicPlan) -> None:
    """The proposals and the report, in one commit with the end of the run."""
    with acting(None):
        fresh = ClinicPlanRun.objects.select_for_update().get(pk=run.pk)
        if not fresh.going:
            return
        for entry, found in zip(entries, plan.plans, strict=True):
            entry.state = Place.PROPOSED if found.complete else Place.IMPOSSIBLE
            entry.visits, entry.therapy = _visits(found), _therapy(found)
            told = found.warnings if found.complete else found.refusals
            entry.reasons = list(dict.fromkeys(item.text for item in told))[:MOST_REASONS]
            entry.save(update_fields=["state", "visits", "therapy", "reasons"])
        fresh.cost, fresh.bound, fresh.percent = plan.cost, plan.bound, 100
        fresh.placed = sum(item.complete for item in plan.plans)
        fresh.report = _report(fresh, plan)
        _end(fresh, State.DONE)
        fresh.save()


def _visits(plan: SeriesPlan) -> list[dict[str, Any]]:
    return [
        {
            "ordinal": item.ordinal,
            "start": item.start.isoformat(),
            "end": item.end.isoformat(),
            "chair": item.chair,
            "nurse": item.nurse,
            "prescriber": item.prescriber,
            "therapy_from": item.t0_predicted.isoformat(),
            "missing_therapy": len(item.missing_therapy),
        }
        for item in plan.visits
    ]


def _therapy(plan: SeriesPlan) -> list[dict[str, Any]]:
    return [
        {
            "ordinal": visit.ordinal,
            "kind": item.kind,
            "start": item.start.isoformat(),
            "end": item.end.isoformat(),
            "therapist": item.therapist,
        }
        for visit in plan.visits
        for item in visit.therapy
    ]


def _report(run: ClinicPlanRun, plan: ClinicPlan) -> dict[str, Any]:
    """Chairs in use on each day until the last that changes, and the windows with a therapy session in them."""
    chairs = Resource.objects.filter(site=run.site, kind=Resource.Kind.CHAIR, active=True).count()
    rows = [
        {"day": day.isoformat(), "before": before, "after": after}
        for day, before, after in zip(plan.days, plan.peaks_before, plan.peaks_after, strict=True)
    ]
    last = max((n for n, row in enumerate(rows) if row["before"] != row["after"]), default=-1)
    visits = [visit for item in plan.plans for visit in item.visits]
    return {
        "chairs": chairs,
        "days": rows[: last + 1],
        "windows": len(visits),
        "windows_kept": sum(bool(visit.therapy) for visit in visits),
    }


def sweep(wake: Callable[[str], object], at: datetime | None = None) -> int:
    """Wake runs that nobody took, and end those whose worker fell silent. How many were seen to."""
    now, count = at or app_now(), 0
    for run in ClinicPlanRun.objects.going():
        if run.state == State.QUEUED and now - run.requested_at >= WAKE_AFTER:
            wake(str(run.code))
            count += 1
        elif run.state == State.RUNNING and now - (run.beat_at or run.requested_at) >= SILENT_AFTER:
            _fail(run, "The worker fell silent. Start the plan again.")
            count += 1
    return count
