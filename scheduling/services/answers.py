"""What patients answer through a link. Each answer is stored once; what needs a person becomes an item or an
alert in the same transaction. Nothing here ever clears anybody to drive, and nothing cancels an infusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse

from patients.models import ContactPoint
from patients.services.contacts import opt_out
from scheduling.conflicts import booking_act
from scheduling.domain.localtime import in_words
from scheduling.loaders import zone_of
from scheduling.models import Appointment, FollowUp, PatientLink, WorkItem
from scheduling.services import alerts, slot_holds
from scheduling.services.links import is_over
from scheduling.services.messages import sync_patient
from scheduling.services.risk_answers import handle_item_9, item_9_before
from scheduling.services.visits import cancel_visit
from scheduling.services.workitems import raise_item, settle
from sessions import scoring
from sessions.models import OutcomeScore
from sessions.services.outcomes import record_outcome
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.history import acting
from staff.locks import lock
from staff.models import Site, User

Purpose, ANSWERED = PatientLink.Purpose, WorkItem.Kind.PATIENT_ANSWER
ESCORT_CANNOT = "The escort cannot take the patient home"
ESCORT_ANSWERS = {"coming": "I can", "no-driver": "I cannot"}
GIVES_UP = frozenset({"no-driver", "change"})  # the time may come free, whoever decides
VISIT_ANSWERS = {
    "coming": "I am coming",
    "late": "I shall be late",
    "no-driver": "I have nobody to take me home",
    "ate": "I have eaten or drunk after the time on the sheet",
    "change": "I should like another time",
}
NEEDS_SOMEBODY = {
    "late": "The patient will be late",
    "no-driver": "The patient has nobody to take them home",
    "ate": "The patient has eaten or drunk",
    "change": "The patient asks for another time",
}
SLEPT, AS_USUAL, UNSAFE = "slept", "as_usual", "unsafe"
TEACH_BACK = ("experience_not_needed", "work_happens_afterwards", "no_driving_understood")


def _begin(link: PatientLink, purpose: str, at: datetime) -> PatientLink:
    """The link under its patient's lock. Raises StateConflict when it is over or of another purpose."""
    lock(patients=[link.patient_id])
    row: PatientLink = (
        PatientLink.objects.select_for_update(of=["self"])
        .select_related("patient__site", "appointment__site", "follow_up__site", "contact_point", "document")
        .get(pk=link.pk)
    )
    if row.purpose != purpose:
        raise StateConflict("This link is for something else.", code="wrong-purpose")
    if is_over(row, at):
        raise StateConflict("This link is too old. Please call us.", code="link-over")
    return row


def _keep(row: PatientLink, answer: dict[str, Any], at: datetime) -> None:
    row.answer, row.answered_at = answer, at
    row.save(update_fields=["answer", "answered_at"])


def _site(row: PatientLink) -> Site:
    cause = row.follow_up or row.appointment
    return cause.site if cause is not None else row.patient.site


@transaction.atomic
def answer_visit(*, link: PatientLink, answer: str, at: datetime | None = None) -> PatientLink:
    """Coming, late, no driver, has eaten, or asks for another time; an escort: I can, I cannot. May be answered again
    until the visit. All but "coming" become a coordinator's item; what may not take place is also set aside for the
    waitlist. "Coming" closes the item of the same person's earlier answer, and gives the time back to the visit.

    Raises InvalidInput, and StateConflict once the visit was moved, cancelled or has begun.
    """
    now = at or app_now()
    with acting(None):
        row = _begin(link, Purpose.VISIT, now)
        escort = is_escort(row)
        if answer not in (ESCORT_ANSWERS if escort else VISIT_ANSWERS):
            raise InvalidInput("Choose one of the answers.", field="answer")
        visit = row.appointment
        stands = visit is not None and visit.status == Appointment.Status.BOOKED
        if visit is None or not stands or visit.during.lower != row.about_at:
            raise StateConflict("This visit has been changed since. Please call us.", code="visit-changed")
        _keep(row, {"answer": answer}, now)
        own, others = _answer_keys(visit, escort)
        if answer == "coming":
            who = "The escort" if escort else "The patient"
            settle(kind=ANSWERED, key=own, resolution=f"{who} has answered since: coming.", at=now)
        else:
            _ask_coordinator(visit, answer, own, now, escort=escort)
        if answer in GIVES_UP:
            slot_holds.set_aside(visit, at=now)
        elif not WorkItem.objects.open().filter(kind=ANSWERED, key=others).exists():
            slot_holds.keep(visit, at=now)
    return row


def is_escort(link: PatientLink) -> bool:
    """Whether this link went to the adult who takes the patient home."""
    return link.contact_point is not None and link.contact_point.whose == ContactPoint.Whose.ESCORT


def _answer_keys(visit: Appointment, escort: bool) -> tuple[str, str]:
    """Keys of the items about this visit: of whoever answers now, and of the other one."""
    keys = slot_holds.answer_keys(visit)
    return keys[::-1] if escort else keys


def _ask_coordinator(visit: Appointment, answer: str, key: str, now: datetime, *, escort: bool) -> None:
    when = in_words(visit.during.lower, zone_of(visit.site))
    raise_item(
        kind=ANSWERED, key=key, site=visit.site, patient=visit.patient,
        title=ESCORT_CANNOT if escort else NEEDS_SOMEBODY[answer], role=roles.COORDINATOR, due_at=now, at=now,
        detail=f"Answered by link about the visit of {when}. The time is kept until somebody decides: call, move the "
        "visit, or cancel it from the waitlist's page, which offers its time to whoever waits.",
        url=reverse("visit_detail", args=[visit.code]),
    )  # fmt: skip


@booking_act
def keep_visit(*, visit: Appointment, by: User, at: datetime | None = None) -> int:
    """Somebody has arranged it: the visit takes place, its time is not set aside any more, and the items of the
    answers are closed. Harmless when nothing was set aside. Returns how many times were (0 or 1).
    """
    now = at or app_now()
    lock(patients=[visit.patient_id])
    for key in _answer_keys(visit, False):
        settle(kind=ANSWERED, key=key, resolution="The visit takes place.", at=now, by=by)
    return slot_holds.keep(visit, at=now)


@booking_act
def let_visit_go(
    *, visit: Appointment, by: User, expected_version: int | None = None, at: datetime | None = None
) -> Appointment:
    """The visit does not take place then: it is taken off the calendar as `cancel_visit` does. Its place is kept for
    the two minutes in which that can be undone, then its time is offered to whoever waits.

    Raises StateConflict when its time is not set aside, and what `cancel_visit` raises.
    """
    now = at or app_now()
    lock(patients=[visit.patient_id])
    if not slot_holds.waiting_of([visit.pk]).exists():
        current = Appointment.objects.for_page().get(pk=visit.pk)
        if current.status == Appointment.Status.CANCELLED:
            return current
        raise StateConflict("Nobody has said that this visit may not take place.", code="not-set-aside")
    done = cancel_visit(
        appointment=visit,
        reason="escort",
        by=by,
        note="Answered by link.",
        at=now,
        expected_version=expected_version,
    )
    for key in _answer_keys(visit, False):
        settle(kind=ANSWERED, key=key, resolution="The visit was let go; its time is offered.", at=now, by=by)
    return done


@transaction.atomic
def answer_check_in(
    *, link: PatientLink, slept: bool, as_usual: bool, unsafe: bool, at: datetime | None = None
) -> PatientLink:
    """The next morning: slept, feels as usual, feels unsafe. "Unsafe" alerts at once; any "no" is a nurse's call;
    two times "yes" leave the nurse's own check-in as it is, with the answer beside it. Answered again, the
    worse answer counts.
    """
    now = at or app_now()
    with acting(None):
        row = _begin(link, Purpose.CHECK_IN, now)
        _keep(row, {SLEPT: slept, AS_USUAL: as_usual, UNSAFE: unsafe}, now)
        if unsafe:
            alerts.raise_alert(
                key=f"check-in:{row.code}", site=_site(row), patient=row.patient, at=now,
                reason="Answered the morning check-in: does not feel safe.",
            )  # fmt: skip
        elif not (slept and as_usual):
            said = [*([] if slept else ["did not sleep"]), *([] if as_usual else ["does not feel as usual"])]
            raise_item(
                kind=WorkItem.Kind.CALL_PATIENT, key=f"check-in:{row.code}", site=_site(row),
                patient=row.patient, title="Call the patient: the night was not good", role=roles.NURSE,
                detail=f"Answered by link: {' and '.join(said)}. Not to drive; ask about effects and safety.",
                url=reverse("patient_detail", args=[row.patient.code]), due_at=now, at=now,
            )  # fmt: skip
        if row.follow_up is not None:
            _note_on(row.follow_up, slept, as_usual, now, row)
    return row


def _note_on(follow_up: FollowUp, slept: bool, as_usual: bool, now: datetime, row: PatientLink) -> None:
    """The answer stands beside the nurse's follow-up, in the patient's clock."""
    words = f"{'slept' if slept else 'did not sleep'}, {'feels as usual' if as_usual else 'does not feel as usual'}"
    follow_up.why = {**follow_up.why, "answered": f"{words} ({in_words(now, zone_of(row.patient.site))})"}
    follow_up.save(update_fields=["why"])


@transaction.atomic
def answer_questionnaire(
    *, link: PatientLink, phq9: Sequence[int | None], gad7: Sequence[int | None], at: datetime | None = None
) -> tuple[OutcomeScore, OutcomeScore]:
    """PHQ-9 and GAD-7, complete. Item 9 new, raised, or 2 and more alerts the person on duty at once; an
    unchanged 1 is a review the same day. Sent again with the same link: the first answer stands.

    Raises InvalidInput at `phq9.N` or `gad7.N` for an item that is missing or out of range.
    """
    now = at or app_now()
    for name, answers in (("phq9", phq9), ("gad7", gad7)):
        _complete(name, answers)
    with acting(None):
        row = _begin(link, Purpose.QUESTIONNAIRE, now)
        if row.answered_at is not None:
            codes = row.answer
            return tuple(OutcomeScore.objects.get(code=codes[name]) for name in ("phq9", "gad7"))  # type: ignore[return-value]  # two names
        previous = item_9_before(row.patient, now)
        scores = {
            name: record_outcome(patient=row.patient, instrument=name, by=None, items=list(items), at=now)  # type: ignore[arg-type]  # checked above
            for name, items in (("phq9", phq9), ("gad7", gad7))
        }
        _keep(row, {name: str(score.code) for name, score in scores.items()}, now)
        handle_item_9(score=scores["phq9"], value=phq9[8] or 0, previous=previous, site=_site(row), at=now)
    return scores["phq9"], scores["gad7"]


def says_unsafe(link: PatientLink) -> bool:
    """Whether this questionnaire's item 9 was answered with anything but "not at all"."""
    code = link.answer.get("phq9") if link.purpose == Purpose.QUESTIONNAIRE else None
    score = OutcomeScore.objects.filter(code=code).first() if code else None
    return bool(score is not None and score.items is not None and score.items[8])


def _complete(name: str, answers: Sequence[int | None]) -> None:
    try:
        scoring.total(name, answers)
    except InvalidInput as error:
        number = (error.field or "").partition(".")[2]
        raise InvalidInput(
            error.message, code=error.code, field=f"{name}.{number}" if number else name
        ) from error


@transaction.atomic
def answer_education(
    *, link: PatientLink, answers: dict[str, bool], at: datetime | None = None
) -> PatientLink:
    """The text was read and the three questions answered. A nurse talks it over and records it in the consent
    room: the record of education stays a person's act.
    """
    now = at or app_now()
    for name in TEACH_BACK:
        if not isinstance(answers.get(name), bool):
            raise InvalidInput("Answer this question.", field=name)
    with acting(None):
        row = _begin(link, Purpose.EDUCATION, now)
        _keep(row, {name: answers[name] for name in TEACH_BACK}, now)
        right = sum(answers[name] for name in TEACH_BACK)
        raise_item(
            kind=WorkItem.Kind.PATIENT_ANSWER, key=f"education:{row.code}", site=_site(row), patient=row.patient,
            title="Preparation read: talk over the three questions", role=roles.NURSE,
            detail=f"{right} of 3 answered as the text says. Ask again in the patient's own words, then record it.",
            url=reverse("patient_detail", args=[row.patient.code]), due_at=now, at=now,
        )  # fmt: skip
    return row


@transaction.atomic
def stop_messages(*, link: PatientLink, at: datetime | None = None) -> PatientLink:
    """No more messages to this address. Accepted at every moment, also from an old link; twice is harmless."""
    now = at or app_now()
    lock(patients=[link.patient_id])
    row = (
        PatientLink.objects.select_for_update(of=["self"])
        .select_related("contact_point", "patient")
        .get(pk=link.pk)
    )
    if row.purpose != Purpose.OPT_OUT or row.contact_point is None:
        raise StateConflict("This link is for something else.", code="wrong-purpose")
    opt_out(contact_point=row.contact_point, by=None, at=now)
    if row.answered_at is None:
        _keep(row, {"stopped": True}, now)
    sync_patient(row.patient, at=now)
    return row
