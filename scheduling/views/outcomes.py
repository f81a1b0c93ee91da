"""The outcome chart and the exposure card of the patient page."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from patients.access import get_patient_for
from patients.models import Patient
from scheduling import exposure, outcome_chart
from scheduling.domain.localtime import local_date
from scheduling.models import PlasticityWindow
from scheduling.views.acts import person, show
from sessions import scoring
from sessions.models import Infusion, OutcomeScore, ProgressReport
from staff.access import require
from staff.clock import app_now

FIRST = ("phq9", "qids_sr16", "madrs", "gad7")


@require_safe
@login_required
def patient_outcomes_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """One instrument over time (`?instrument=`), and what of the drug the patient has had in their life."""
    user = person(request)
    require(user, "follow_up.view")
    patient = get_patient_for(user, code, action="patient.view")
    now, zone = app_now(), ZoneInfo(patient.site.time_zone)
    totals: dict[str, list[outcome_chart.Scored]] = {}
    for row in OutcomeScore.objects.filter(patient=patient, taken_at__lte=now).order_by("taken_at", "pk"):
        totals.setdefault(row.instrument, []).append(outcome_chart.Scored(row.taken_at, row.total))
    infusions = list(
        Infusion.objects.filter(patient=patient, started_at__isnull=False).order_by("started_at")
    )
    windows = {
        row.infusion_id: row
        for row in PlasticityWindow.objects.current().filter(patient=patient, sign_off__isnull=False)
    }
    given = []
    for number, item in enumerate(infusions, start=1):
        window = windows.get(item.pk)
        opened = window is not None and window.status != PlasticityWindow.Status.NONE
        given.append(
            outcome_chart.Given(
                number,
                item.started_at or item.arrived_at,
                window.t0 if window is not None and opened else None,
                window.core_until if window is not None and opened else None,
            )
        )
    have = [name for name in FIRST if name in totals]
    asked = request.GET.get("instrument", "")
    chosen = asked if asked in have else next(iter(have), "")
    chart = None
    if chosen:
        chart = outcome_chart.outcome_chart(
            scoring.INSTRUMENTS[chosen], totals[chosen], given, now=now, zone=zone
        )
    context = {
        "patient": patient,
        "chart": chart,
        "choices": [
            {"code": name, "title": scoring.INSTRUMENTS[name].title, "current": name == chosen}
            for name in have
        ],
        "daily": _daily(patient, now, zone),
        "exposure": exposure.exposure_of(patient, infusions, now, zone),
        "now": now,
    }
    return show(request, "scheduling/_patient_outcomes.html", context, patient.site)


@require_safe
@login_required
def patient_exposure_flag(request: HttpRequest, code: str) -> HttpResponse:
    """Where a prescriber orders: that the exposure escalates, and why. Empty when it does not."""
    user = person(request)
    require(user, "follow_up.view")
    patient = get_patient_for(user, code, action="patient.view")
    context = {"patient": patient, "exposure": exposure.exposure_at(patient, app_now())}
    return show(request, "scheduling/_exposure_flag.html", context, patient.site)


MEASURES = (
    ("function", "Everyday things", "of 10"),
    ("practice_days", "Days practised", "of 7"),
    ("goal_rating", "Own goal", "of 10"),
)


def _daily(patient: Patient, now: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Daily life beside the severity scores: of each measure the last answer, and the first to compare it with."""
    rows = list(ProgressReport.objects.filter(patient=patient, taken_at__lte=now).order_by("taken_at", "pk"))
    found = []
    for name, label, scale in MEASURES:
        answers = [(row.taken_at, getattr(row, name)) for row in rows if getattr(row, name) is not None]
        if not answers:
            continue
        (first_at, first), (last_at, last) = answers[0], answers[-1]
        words = f"{last} {scale} on {_day(last_at, zone)}"
        if len(answers) > 1:
            words += f"; first {first} on {_day(first_at, zone)}"
        found.append((label, words))
    return found


def _day(at: datetime, zone: ZoneInfo) -> str:
    day = local_date(at, zone)
    return f"{day.day} {day:%b %Y}"
