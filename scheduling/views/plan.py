"""Planning a series: patient, protocol, proposed dates with what follows, one POST that books all or nothing.

The page keeps no state on the server. Every answer carries the shown visits in hidden fields; `act` says what
to do: `propose` afresh, `options:3` (other times for visit 3), `pick:3:<start>:keep` (or `:move` when others
may follow), `book`, or `reserve` for half an hour, while the patient is asked. What is booked is what is shown; the
service judges it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from patients.access import get_patient_for
from patients.models import Patient
from patients.presenting import banner, local_day
from scheduling.booking_pages import eligibility_words
from scheduling.domain.localtime import local_date
from scheduling.domain.planner import options
from scheduling.forms_booking import PlanForm
from scheduling.loaders import zone_of
from scheduling.models import TreatmentSeries
from scheduling.plan_pages import plan_page, versions_to_offer
from scheduling.services.numbering import MOST_VISITS
from scheduling.services.once import once
from scheduling.services.proposals import SeriesProposal, propose_series
from scheduling.services.series import TherapyChoice, VisitChoice, book_series
from scheduling.services.visit_options import MOST_ASKED, spread
from scheduling.views.acts import person, posted, show
from sessions.models import Infusion
from staff import roles
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput
from staff.models import User
from staff.strict import parse_instant

MOST_OPTIONS = 6
RESERVE_MINUTES = 30
PLANNING = "planning"  # in the session of the sign-in


@dataclass
class Shown:
    """What the hidden fields say: the visits and therapy sessions that the page showed, in order."""

    visits: list[VisitChoice] = field(default_factory=list)
    therapy: list[TherapyChoice] = field(default_factory=list)

    @property
    def starts(self) -> dict[int, datetime]:
        """Start of each visit by ordinal."""
        return {item.ordinal: item.start for item in self.visits}


@dataclass(frozen=True)
class Command:
    """`act` of the pressed button: verb, visit, start, and whether the others stay."""

    verb: str
    ordinal: int = 0
    start: datetime | None = None
    keep: bool = True
    hours: int = 0


def read_command(text: str) -> Command:
    """`propose`, `book`, `reserve`, `options:3`, `pick:3:2026-03-12T17:00+00:00:keep`. Raises InvalidInput."""
    verb, _, rest = text.partition(":")
    if verb in ("propose", "book", "reserve") and not rest:
        return Command(verb)
    if verb == "options":
        return Command(verb, _ordinal(rest))
    if verb == "long":
        return _long(rest)
    if verb == "pick":
        number, _, rest = rest.partition(":")
        start, _, mode = rest.rpartition(":")
        if mode in ("keep", "move"):
            return Command(verb, _ordinal(number), parse_instant(start, field="act"), mode == "keep")
    raise InvalidInput("This button is not known.", code="unknown-act", field="act")


def _ordinal(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MOST_VISITS:
        return int(text)
    raise InvalidInput("There is no such visit.", code="ordinal", field="act")


def _long(text: str) -> Command:
    ordinal, hours = read_long_gap(text)
    return Command("long", ordinal, hours=hours)


def read_long_gap(text: str) -> tuple[int, int]:
    """`3:168`: hours before infusion 3. Raises InvalidInput; the service judges the bounds."""
    number, _, hours = text.partition(":")
    if not (hours.isascii() and hours.isdigit() and len(hours) <= 3):
        raise InvalidInput("There is no such gap.", code="long-gap", field="act")
    return _ordinal(number), int(hours)


def read_long_gaps(data: QueryDict) -> dict[int, int]:
    """Longer gaps that the shown plan rests on: hidden fields `long_gap`."""
    found = data.getlist("long_gap")
    if len(found) > MOST_VISITS:
        raise InvalidInput("Too many gaps.", code="long-gap", field="act")
    return dict(read_long_gap(text) for text in found)


def read_shown(data: QueryDict) -> Shown:
    """The hidden fields: `visit` = ordinal|start|chair|nurse|prescriber, `session` =
    ordinal|kind|start|therapist.

    Raises InvalidInput for anything that this page did not write.
    """
    if len(data.getlist("visit")) > MOST_VISITS or len(data.getlist("session")) > 2 * MOST_VISITS:
        raise InvalidInput("Too many visits.", code="visits", field="visits")
    shown = Shown()
    for text in data.getlist("visit"):
        number, start, chair, nurse, prescriber = _fields(text, 5)
        moment = parse_instant(start, field="visits")
        shown.visits.append(VisitChoice(_ordinal(number), moment, chair, nurse, prescriber))
    for text in data.getlist("session"):
        number, kind, start, therapist = _fields(text, 4)
        shown.therapy.append(
            TherapyChoice(_ordinal(number), kind, parse_instant(start, field="therapy"), therapist)
        )
    return shown


def _fields(text: str, count: int) -> list[str]:
    found = text.split("|")
    if len(found) != count or len(text) > 200:
        raise InvalidInput("Plan the series again.", code="shown", field="visits")
    return found


@require_http_methods(["GET", "POST"])
@login_required
def series_plan(request: HttpRequest, code: str) -> HttpResponse:
    """The page and its acts; as a fragment for htmx."""
    user = person(request)
    patient = get_patient_for(user, code, action="series.book")
    running = TreatmentSeries.objects.live().filter(patient=patient).first()
    if running is not None and request.method == "GET":
        messages.info(request, "This patient has an active series.")
        return redirect("series_detail", code=running.code)
    form = _form(request, patient)
    page = PlanPage(request, user, patient, form)
    if request.method == "POST" and form.is_valid():
        _remember(request, patient)
        return page.answer()
    return page.draw(status=form.error_status if form.is_bound else 200)


def _form(request: HttpRequest, patient: Patient) -> PlanForm:
    now = app_now()
    tomorrow = local_date(now, zone_of(patient.site)) + timedelta(days=1)
    weight = Infusion.objects.filter(patient=patient, weight_kg__isnull=False).order_by("weighed_at").last()
    return PlanForm(
        posted(request),
        versions=versions_to_offer(),
        therapists=_therapists(patient),
        elsewhere=patient.prior_exposures.counted(),
        initial={
            "first_day": tomorrow,
            "weight_kg": weight.weight_kg if weight else None,
            "part_of_day": "",
            "therapist": str(patient.therapist.code) if patient.therapist else "",
            **_remembered(request, patient),
        },
        zone=zone_of(patient.site),
        patient_code=patient.code,
    )


def _remember(request: HttpRequest, patient: Patient) -> None:
    """Keep the wishes of this plan for this sign-in: who goes to sign the eligibility list comes back to them."""
    wishes = {name: request.POST.get(name, "") for name in PlanForm.base_fields}
    request.session[PLANNING] = {"patient": str(patient.code), "wishes": wishes}


def _remembered(request: HttpRequest, patient: Patient) -> dict[str, str]:
    """The wishes typed last for this patient, and for nobody else."""
    kept = request.session.get(PLANNING, {})
    return dict(kept["wishes"]) if kept.get("patient") == str(patient.code) else {}


def _therapists(patient: Patient) -> list[User]:
    """Therapists of the patient's site; the planner takes only those licensed and speaking the language."""
    people = User.objects.filter(groups__name=roles.THERAPIST, sites=patient.site, is_active=True)
    return list(people.order_by("full_name").distinct())


class PlanPage:
    """One request of the plan page."""

    def __init__(self, request: HttpRequest, user: User, patient: Patient, form: PlanForm) -> None:
        self.request, self.user, self.patient, self.form = request, user, patient, form
        self.now = app_now()
        self.long_gaps: dict[int, int] = {}

    def answer(self) -> HttpResponse:
        """Do what the pressed button says."""
        try:
            command, shown = read_command(self.request.POST.get("act", "")), read_shown(self.request.POST)
            self.long_gaps = {} if command.verb == "propose" else read_long_gaps(self.request.POST)
            if command.verb in ("book", "reserve"):
                return self._book(shown, RESERVE_MINUTES if command.verb == "reserve" else 0)
            proposal = self._propose(command, shown)
        except DomainError as refusal:
            self.form.add_refusal(refusal)
            return self.draw(status=refusal.status)
        extra = self._options(command, proposal) if command.verb == "options" else {}
        return self.draw(proposal, **extra)

    def _propose(self, command: Command, shown: Shown) -> SeriesProposal:
        """The plan afresh, the shown one, or the shown one with one visit at another time."""
        pinned: Mapping[int, datetime] = {}
        current: Mapping[int, datetime] = {}
        if command.verb == "long":
            self.long_gaps[command.ordinal] = command.hours
        if command.verb == "options":
            pinned = shown.starts
        elif command.verb == "pick" and command.start is not None:
            picked = {command.ordinal: command.start}
            pinned = {**shown.starts, **picked} if command.keep else picked
            current = {} if command.keep else shown.starts
        return self._plan(pinned, current)

    def _plan(self, pinned: Mapping[int, datetime], current: Mapping[int, datetime]) -> SeriesProposal:
        data = self.form.cleaned_data
        return propose_series(
            patient=self.patient,
            protocol_version=self.form.version,
            weight_kg=data["weight_kg"],
            first_day=data["first_day"],
            by=self.user,
            at=self.now,
            therapist=self.form.chosen_therapist,
            part_of_day=data["part_of_day"],
            pinned=pinned,
            current=current,
            long_gaps=self.long_gaps,
            given_elsewhere=self.form.given_before,
        )

    def _options(self, command: Command, proposal: SeriesProposal) -> dict[str, Any]:
        """Other times for one visit: first those that leave the others, then those that take some along."""
        starts = {item.ordinal: item.start for item in proposal.plan.visits}
        free = replace(proposal.request, pinned={}, current=dict(starts))
        number, shown = command.ordinal, {starts.get(command.ordinal)}
        keep = [item for item in options(free, number, MOST_ASKED, starts) if item.start not in shown]
        known = shown | {item.start for item in keep}
        take = [item for item in options(free, number, MOST_ASKED) if item.start not in known and item.moves]
        return {"changing": number, "keep": spread(keep, MOST_OPTIONS), "take": spread(take, MOST_OPTIONS)}

    def _book(self, shown: Shown, hold_minutes: int) -> HttpResponse:
        data = self.form.cleaned_data
        self._check_numbers(shown)
        therapy = shown.therapy if self.request.POST.get("reserve_therapy") else []

        def act() -> str:
            series = book_series(
                patient=self.patient,
                protocol_version=self.form.version,
                weight_kg=data["weight_kg"],
                visits=shown.visits,
                by=self.user,
                therapist=self.form.chosen_therapist,
                therapy=therapy,
                hold_minutes=hold_minutes,
                caution_reason=self.request.POST.get("caution_reason", "")[:120],
                close_reason=self.request.POST.get("close_reason", "")[:200],
                long_gaps=self.long_gaps,
                long_gap_reason=self.request.POST.get("long_gap_reason", "")[:200],
            )
            return str(series.code)

        try:
            token = self.request.POST.get("token", "")
            code, fresh = once(user=self.user, token=token, route="series_plan", act=act)
        except DomainError as refusal:
            self.form.add_refusal(refusal)
            return self.draw(self._after_refusal(shown), status=refusal.status, conflicts=refusal.conflicts)
        self.request.session.pop(PLANNING, None)
        if fresh:
            done = f"Reserved for {hold_minutes} minutes" if hold_minutes else "Booked"
            count = len(shown.visits)
            messages.success(self.request, f"{done}: {count} infusion visit{'s' if count != 1 else ''}.")
        address = reverse("series_detail", args=[code])
        response: HttpResponse = redirect(address)
        if self.request.headers.get("HX-Request"):
            response = HttpResponse(headers={"HX-Redirect": address})
        return response

    def _check_numbers(self, shown: Shown) -> None:
        """The dates shown go on after as many infusions elsewhere as the form says now. Raises InvalidInput."""
        first = min((item.ordinal for item in shown.visits), default=1)
        if first != self.form.given_before + 1:
            words = f"The dates shown begin with infusion {first}. Propose dates again for another number."
            raise InvalidInput(words, code="given-elsewhere", field="given_elsewhere")

    def _after_refusal(self, shown: Shown) -> SeriesProposal | None:
        """What is possible now, as near as can be to what was shown."""
        try:
            return self._plan({}, shown.starts)
        except DomainError:
            return None

    def _eligibility(self) -> dict[str, Any]:
        """The signed checklist of the chosen version, or where a prescriber signs it."""
        version = self.form.version if self.form.is_bound and self.form.is_valid() else None
        if version is None:
            return {}
        return {
            "asks_eligibility": True,
            **eligibility_words(self.patient, version),
            "eligibility_url": reverse("eligibility_sign", args=[self.patient.code, version.code]),
        }

    def draw(
        self, proposal: SeriesProposal | None = None, *, status: int = 200, **extra: Any
    ) -> HttpResponse:
        """The page, or its live part for htmx."""
        context = {
            "form": self.form,
            "patient": self.patient,
            "banner": banner(self.patient, today=local_day(self.patient, self.now)),
            "now": self.now,
            "plan": plan_page(proposal, self.patient, self.now) if proposal else None,
            "reserve_minutes": RESERVE_MINUTES,
            "token": self.request.POST.get("token") or str(uuid.uuid4()),
            "may_decide": self.user.may("infusion.order"),
            "caution_reason": self.request.POST.get("caution_reason", "")[:120],
            "close_reason": self.request.POST.get("close_reason", "")[:200],
            "long_gaps": sorted(self.long_gaps.items()),
            "long_gap_reason": self.request.POST.get("long_gap_reason", "")[:200],
            "reserve_therapy": bool(self.request.POST.get("reserve_therapy")),
            **self._eligibility(),
            **extra,
        }
        template = (
            "scheduling/_plan.html" if self.request.headers.get("HX-Request") else "scheduling/plan.html"
        )
        return show(self.request, template, context, self.patient.site, status=status)
