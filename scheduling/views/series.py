"""A booked series: its visits and what may be done with them; the patient page's fragment."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Min, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from patients.access import get_patient_for
from patients.models import Patient
from protocols.presenting import cautions
from scheduling.access import get_series_for
from scheduling.booking_pages import chip_of, eligibility_words, patient_banner, series_chip, series_rows
from scheduling.decisions import decisions_of
from scheduling.forms_booking import (
    EndSeriesForm,
    LongGapForm,
    PauseForm,
    ResumeForm,
)
from scheduling.models import Appointment, PlasticityWindow, SeriesSwitch, TreatmentSeries, WorkItem
from scheduling.services import series as service
from scheduling.services.long_gaps import approve_long_gap, limit_before
from scheduling.services.patient_changes import KEY
from scheduling.services.pauses import pause_series, resume_series
from scheduling.services.preparation import preparation_of
from scheduling.services.review_items import point_lines
from scheduling.views.acts import Act, act_page, person, posted, show, zone
from scheduling.views.version_moves import series_notice
from scheduling.views.visits import reasons
from sessions.models import PreparationRecord
from sessions.services import open_holds
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User

NEXT_VISITS = 8


def visits_of(series: TreatmentSeries) -> QuerySet[Appointment]:
    """The appointments of a series with what its page shows."""
    windows = Prefetch(
        "infusion__windows", queryset=PlasticityWindow.objects.filter(superseded_at__isnull=True)
    )
    found: QuerySet[Appointment] = (
        Appointment.objects.filter(series=series)
        .for_page()
        .prefetch_related(windows)
        .order_by("during", "pk")
    )
    return found


@require_safe
@login_required
def series_detail(request: HttpRequest, code: str) -> HttpResponse:
    """The series: one line per infusion, with therapy and follow-ups beside it."""
    return draw_series(request, get_series_for(person(request), code))


def draw_series(
    request: HttpRequest, series: TreatmentSeries, *, refusal: DomainError | None = None
) -> HttpResponse:
    """The page of a series; after a refused act with what was refused, and its status."""
    user, now = person(request), app_now()
    live = series.status in TreatmentSeries.LIVE
    lines = point_lines(series)
    context = {
        "series": series,
        "banner": patient_banner(series, now),
        "now": now,
        "chip": series_chip(series),
        "rows": series_rows(series, visits_of(series), now),
        "live": live,
        "reserved": _reserved(series),
        "refusal": refusal,
        "may_move": live and user.may("appointment.move"),
        "may_book": live and user.may("series.book"),
        "gaps": series.gap_exceptions.select_related("approved_by"),
        "decisions": decisions_of(series),
        "may_allow_gap": live and user.may("infusion.order") and bool(_long_gap_choices(series)),
        "may_end": live and user.may("series.end"),
        "facts": _facts(series),
        "cautions": cautions(series.protocol_version, timezone.localtime(now, zone(series)).date()),
        "lines": lines,
        **_switches(series),
        "review_url": reverse("course_review", args=[series.code]) if lines else "",
        "may_review": any(line.state == "due" for line in lines) and user.may("infusion.order"),
        **eligibility_words(series.patient, series.protocol_version),
        "preparation": _preparation(series, user),
        "may_sign": live and user.may("infusion.order"),
        "notice": series_notice(series, may_move=user.may("series.move_version")),
    }
    status = refusal.status if refusal else 200
    return show(request, "scheduling/series.html", context, series.site, status=status)


def _reserved(series: TreatmentSeries) -> dict[str, Any] | None:
    """Slots that are only reserved: how many, and until when; None when there are none."""
    rows = series.appointments.infusions().filter(status=Appointment.Status.RESERVED)
    found = rows.aggregate(count=Count("pk"), until=Min("held_until"))
    return found if found["count"] else None


def _switches(series: TreatmentSeries) -> dict[str, SeriesSwitch | None]:
    """The switch of protocol that this series came from, and the one that ended it."""
    rows = SeriesSwitch.objects.filter(Q(from_series=series) | Q(to_series=series)).select_related(
        "decided_by",
        "from_series__protocol_version__template",
        "to_series__protocol_version__template",
    )
    found: dict[str, SeriesSwitch | None] = {"switched_from": None, "switched_to": None}
    for row in rows:
        found["switched_from" if row.to_series_id == series.pk else "switched_to"] = row
    return found


def _preparation(series: TreatmentSeries, user: User) -> dict[str, Any] | None:
    """The preparation visit and what it agreed; None for a version that has none."""
    minutes = series.protocol_version.read().preparation_minutes
    if minutes is None:
        return None
    return {
        "minutes": minutes,
        "visit": preparation_of(series),
        "record": PreparationRecord.objects.filter(course=series.code).select_related("therapist").first(),
        "may_book": user.may("therapy.book"),
        "may_hold": user.may("therapy.conduct"),
    }


def _facts(series: TreatmentSeries) -> list[Any]:
    return [
        ("Protocol", str(series.protocol_version)),
        ("Infusions", _how_many(series)),
        ("Planned with", f"{series.weight_kg:f} kg"),
        ("Prescriber", series.prescriber.full_name),
        ("Therapist", series.therapist.full_name if series.therapist else "Unassigned"),
    ]


def _how_many(series: TreatmentSeries) -> str:
    """`6`, or `6, of which 3 were given elsewhere`."""
    before = series.given_elsewhere
    were = "were" if before > 1 else "was"
    return f"{series.visits}, of which {before} {were} given elsewhere" if before else str(series.visits)


@require_http_methods(["GET", "POST"])
@login_required
def series_end(request: HttpRequest, code: str) -> HttpResponse:
    """End a series early."""
    user = person(request)
    series = get_series_for(user, code, action="series.end")
    form = EndSeriesForm(posted(request), version=series.version, patient_code=series.patient.code)
    act = Act(
        title="End the series",
        button="End the series",
        done="The series is ended. What follows infusions already given goes on.",
        lede="All visits ahead are cancelled. Therapy and checks after infusions already given go on.",
        danger=True,
        back="Series",
    )
    back = reverse("series_detail", args=[series.code])
    return act_page(
        request,
        series,
        act,
        form,
        lambda data: service.end_series(series=series, by=user, **reasons(data)),
        back_url=back,
    )


@require_http_methods(["GET", "POST"])
@login_required
def series_pause(request: HttpRequest, code: str) -> HttpResponse:
    """Pause an active series, or resume a paused one."""
    user = person(request)
    series = get_series_for(user, code, action="series.end")
    if series.status == TreatmentSeries.Status.PAUSED:
        return _resume(request, user, series)
    form = PauseForm(posted(request), version=series.version, patient_code=series.patient.code)
    act = Act(
        title="Pause the series",
        button="Pause the series",
        done="The series is paused. Safety checks and open therapy windows go on.",
        lede="Nobody is checked in and no infusion reminder leaves until it is resumed.",
        back="Series",
    )

    def do(data: dict[str, Any]) -> object:
        terms = {"review_on": data["review_on"], "keep_chairs_days": data["keep_chairs_days"]}
        return pause_series(series=series, by=user, **terms, **reasons(data))

    return act_page(request, series, act, form, do, back_url=reverse("series_detail", args=[series.code]))


def _resume(request: HttpRequest, user: User, series: TreatmentSeries) -> HttpResponse:
    form = ResumeForm(posted(request), version=series.version, patient_code=series.patient.code)
    act = Act(
        title="Resume the series",
        button="Resume the series",
        done="The series goes on. Visits that no longer fit have lost their date: give them a new one.",
        lede="Every gap is checked again. Visits that no longer fit lose their date and go on the work list.",
        back="Series",
    )
    return act_page(
        request,
        series,
        act,
        form,
        lambda data: resume_series(series=series, by=user, expected_version=data["version"]),
        back_url=reverse("series_detail", args=[series.code]),
    )


@require_http_methods(["GET", "POST"])
@login_required
def series_long_gap(request: HttpRequest, code: str) -> HttpResponse:
    """A prescriber allows one longer gap, within what the protocol version permits."""
    user = person(request)
    series = get_series_for(user, code, action="infusion.order")
    form = LongGapForm(posted(request), choices=_long_gap_choices(series), patient_code=series.patient.code)
    act = Act(
        title="Allow a longer gap",
        button="Allow this gap",
        done="The longer gap is allowed and recorded with your name.",
        lede="Only as far as the protocol permits. The dates stay where they are until somebody moves them.",
        back="Series",
    )
    return act_page(
        request,
        series,
        act,
        form,
        lambda data: approve_long_gap(
            series=series,
            ordinal=int(data["ordinal"]),
            max_hours=data["max_hours"],
            reason=data["note"],
            by=user,
        ),
        back_url=reverse("series_detail", args=[series.code]),
    )


def _long_gap_choices(series: TreatmentSeries) -> list[tuple[str, str]]:
    definition = series.protocol_version.read()
    limits = [(number, limit_before(definition, number)) for number in series.numbers[1:]]
    return [(str(number), f"Before infusion {number}, up to {most} h") for number, most in limits if most]


@require_safe
@login_required
def patient_schedule_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """For the patient page: the running series, what comes next, and earlier series."""
    user = person(request)
    patient: Patient = get_patient_for(user, code)
    now = app_now()
    visible = TreatmentSeries.objects.visible_to(user).for_page().filter(patient=patient)
    ahead = (
        Appointment.objects.visible_to(user)
        .filter(patient=patient, status__in=[*Appointment.BLOCKING, Appointment.Status.DISPLACED])
        .for_page()
        .order_by("during")[:NEXT_VISITS]
    )
    context = {
        "patient": patient,
        "now": now,
        "series": [{"row": row, "chip": series_chip(row)} for row in visible],
        "visits": [{"row": row, "chip": chip_of(row, now)} for row in ahead],
        "may_book": user.may("series.book") and patient.status == Patient.Status.ACTIVE,
        "elsewhere": WorkItem.objects.open()
        .filter(patient=patient, key__startswith=KEY)
        .select_related("owner"),
        "running": next((row for row in visible if row.status in TreatmentSeries.LIVE), None),
        "holds": open_holds(patient.pk),
        "sees_why": user.may("infusion.view"),  # the cause of a hold may be a pregnancy
    }
    return show(request, "scheduling/_patient_schedule.html", context, patient.site)
