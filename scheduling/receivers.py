"""What the record says is answered here, inside the writer's transaction, each answer in a savepoint of its
own.

If planning fails the fact is kept: the window is marked `stale`, therapy stays locked, an item goes on a
clinician's list, and the sweep tries again (decisions 1.11). Nothing of the error's text is logged: it may
hold patient data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from anymail.signals import AnymailTrackingEvent, tracking
from django.db import transaction
from django.dispatch import receiver
from django.urls import reverse

from patients.models import Patient
from patients.signals import contacts_changed, external_changed, patient_died, patient_moved
from protocols.models import ProtocolVersion
from protocols.signals import version_retired
from scheduling.domain.localtime import local_date, resolve_local
from scheduling.mail_providers import take_report
from scheduling.models import Appointment, WorkItem
from scheduling.services.chair_use import follow_infusion
from scheduling.services.day_items import (
    ask_to_call,
    ask_to_release,
    follow_handover,
    was_assessed,
    was_released,
)
from scheduling.services.messages import sync_patient
from scheduling.services.outside import sync_outside
from scheduling.services.patient_changes import list_failing_sessions, stop_everything
from scheduling.services.prescriber_items import ask_for_a_time, ask_prescriber, settle_question
from scheduling.services.resources import refuse_while_booked
from scheduling.services.retired_versions import list_series_on
from scheduling.services.risk_answers import follow_staff_score
from scheduling.services.staffing import hand_over, list_unlicensed, make_bookable
from scheduling.services.unsigned import unsigned_keys
from scheduling.services.windows import mark_stale, reanchor
from scheduling.services.workitems import raise_item, settle
from sessions import signals
from sessions.models import Infusion, OutcomeScore
from sessions.pages.alike import NAME_FIELDS
from sessions.services import contradicting_level
from staff import roles
from staff import signals as staffing_signals
from staff.models import Site, User

log = logging.getLogger("clearwindow.scheduling")


@receiver(signals.who_is_expected, dispatch_uid="scheduling.who_is_expected")
def name_who_is_expected(sender: Any, *, infusion: Infusion, at: datetime, **_: Any) -> list[tuple[Any, ...]]:
    """Patients with a visit of this local day at the record's site, whatever kind; not those called off."""
    zone = ZoneInfo(infusion.site.time_zone)
    day = local_date(at, zone)
    start, end = (resolve_local(one, time(0), zone).instant for one in (day, day + timedelta(days=1)))
    visits = Appointment.objects.filter(site_id=infusion.site_id).touching(start, end)
    visits = visits.exclude(status__in=(Appointment.Status.CANCELLED, Appointment.Status.OMITTED))
    return list(visits.values_list(*NAME_FIELDS))


@receiver(version_retired, dispatch_uid="scheduling.version_retired")
def list_series(
    sender: Any, *, version: ProtocolVersion, reason: str, by: User, at: datetime, **_: Any
) -> None:
    """Each series that runs on a retired version becomes an item of its prescriber, in the sender's transaction."""
    list_series_on(version, reason=reason, at=at)


@receiver(patient_moved, dispatch_uid="scheduling.patient_moved")
def list_what_fails_there(sender: Any, *, patient: Patient, by: User, at: datetime, **_: Any) -> None:
    """The patient lives elsewhere: sessions whose licence or hour fails there go on a list. The change itself stays."""
    _kept(patient, at, lambda: list_failing_sessions(patient, by=by, at=at), "The patient lives elsewhere")


@receiver(contacts_changed, dispatch_uid="scheduling.contacts_changed")
def replan_messages(sender: Any, *, patient: Patient, at: datetime, **_: Any) -> None:
    """Messages follow the addresses that may be used; the sender holds the patient's lock. The change itself stays."""
    _kept(patient, at, lambda: sync_patient(patient, at=at), "The contact details have changed")


@receiver(external_changed, dispatch_uid="scheduling.external_changed")
def follow_external(sender: Any, *, patient: Patient, at: datetime, **_: Any) -> None:
    """Who treats outside, or what they may be told: follow-ups and messages follow. The change itself stays."""
    _kept(patient, at, lambda: sync_outside(patient, at=at), "The outside therapist has changed")


@receiver(signals.outcome_recorded, dispatch_uid="scheduling.outcome_recorded")
def find_a_person(sender: Any, *, score: OutcomeScore, at: datetime, **_: Any) -> None:
    """Item 9 of a PHQ-9 that staff have entered finds a person, as one answered by link does. The score stays."""
    _kept(
        score.patient,
        at,
        lambda: follow_staff_score(score, at),
        "A PHQ-9 was entered: look at item 9 yourself",
    )


@receiver(patient_died, dispatch_uid="scheduling.patient_died")
def stop_all(sender: Any, *, patient: Patient, by: User, at: datetime, **_: Any) -> None:
    """Everything ahead stops; if that fails, the death stays recorded and somebody is told."""
    _kept(patient, at, lambda: stop_everything(patient, by=by, at=at), "The patient has died")


def _kept(patient: Patient, at: datetime, act: Callable[[], object], what: str) -> None:
    try:
        with transaction.atomic():
            act()
    except Exception as error:
        log.error("the plan of patient %s could not follow: %s", patient.pk, type(error).__name__)
        raise_item(
            kind=WorkItem.Kind.UNPLACED,
            key=f"patient-changed:{patient.code}",
            site=patient.site,
            patient=patient,
            title=f"{what}: look at what is planned",
            detail="The plan could not be changed by itself. End or move what is booked.",
            role=roles.COORDINATOR,
            url=reverse("patient_detail", args=[patient.code]),
            due_at=at,
            at=at,
        )


@receiver(signals.pump_log_changed, dispatch_uid="scheduling.pump_log_changed")
@receiver(signals.infusion_signed_off, dispatch_uid="scheduling.infusion_signed_off")
@receiver(signals.infusion_amended, dispatch_uid="scheduling.infusion_amended")
@receiver(signals.infusion_not_given, dispatch_uid="scheduling.infusion_not_given")
@receiver(signals.estimate_changed, dispatch_uid="scheduling.estimate_changed")
def follow(sender: Any, *, infusion: Infusion, by: User, at: datetime, **_: Any) -> None:
    """Any change of the facts: the visit follows the record, then window, follow-ups and messages follow the
    facts.
    """
    try:
        with transaction.atomic():
            follow_infusion(infusion=infusion, by=by, at=at)
    except Exception as error:
        log.error("the visit of infusion %s could not follow it: %s", infusion.pk, type(error).__name__)
        _say_so(infusion, at)
    try:
        with transaction.atomic():
            ask_for_a_time(infusion=infusion, by=by, at=at)
            if infusion.status not in Infusion.RUNNING:
                settle_question(infusion=infusion, topic="consent-withdrawn", by=by, at=at)
            if infusion.status not in Infusion.BEFORE_START:
                settle_question(infusion=infusion, topic="order", by=by, at=at)
            if infusion.status == Infusion.Status.SIGNED_OFF:
                for key in unsigned_keys(infusion):
                    settle(kind=WorkItem.Kind.UNSIGNED, key=key, resolution="Signed.", by=by, at=at)
                if contradicting_level(infusion) is None:
                    settle_question(infusion=infusion, topic="level", by=by, at=at)
    except Exception as error:
        log.error("the items of infusion %s could not follow it: %s", infusion.pk, type(error).__name__)
    try:
        with transaction.atomic():
            reanchor(infusion=infusion, by=by, at=at)
    except Exception as error:
        log.error("the window of infusion %s could not be worked out: %s", infusion.pk, type(error).__name__)
        _keep_the_fact(infusion, type(error).__name__, at)


@receiver(signals.prescriber_asked, dispatch_uid="scheduling.prescriber_asked")
def ask(sender: Any, *, infusion: Infusion, topic: str, at: datetime, **_: Any) -> None:
    """A prescriber has to decide something on a record: it goes on their list, in the writer's transaction."""
    ask_prescriber(infusion=infusion, topic=topic, at=at)


@receiver(signals.prescriber_answered, dispatch_uid="scheduling.prescriber_answered")
def answered(sender: Any, *, infusion: Infusion, by: User, topic: str, at: datetime, **_: Any) -> None:
    """The question is answered, or no longer stands."""
    settle_question(infusion=infusion, topic=topic, at=at, by=by)


@receiver(signals.visit_ended, dispatch_uid="scheduling.visit_ended")
def visit_ended(sender: Any, *, infusion: Infusion, at: datetime, **_: Any) -> None:
    """The patient is gone otherwise than discharged: a prescriber calls within the hour."""
    ask_to_call(infusion=infusion, at=at)


@receiver(signals.ending_assessed, dispatch_uid="scheduling.ending_assessed")
def ending_assessed(sender: Any, *, infusion: Infusion, by: User, at: datetime, **_: Any) -> None:
    """A clinician has assessed the patient since."""
    was_assessed(infusion=infusion, by=by, at=at)


@receiver(signals.treatment_held, dispatch_uid="scheduling.treatment_held")
def treatment_held(sender: Any, *, infusion: Infusion, hold: str, at: datetime, **_: Any) -> None:
    """Later infusions wait for a prescriber."""
    ask_to_release(infusion=infusion, hold=hold, at=at)


@receiver(signals.treatment_released, dispatch_uid="scheduling.treatment_released")
def treatment_released(sender: Any, *, hold: str, by: User, at: datetime, **_: Any) -> None:
    """A prescriber let infusions go on."""
    was_released(hold=hold, by=by, at=at)


@receiver(signals.handover_changed, dispatch_uid="scheduling.handover_changed")
def handover_changed(sender: Any, *, infusion: Infusion, by: User, at: datetime, **_: Any) -> None:
    """What a nurse is offered stands on their list."""
    follow_handover(infusion=infusion, by=by, at=at)


def _say_so(infusion: Infusion, at: datetime) -> None:
    """The chair's plan no longer fits the record: a nurse is told."""
    with transaction.atomic():
        raise_item(
            kind=WorkItem.Kind.DISPLACED, key=f"follow:{infusion.code}", site=infusion.site,
            patient=infusion.patient, title="The chair plan could not follow the record", role=roles.NURSE,
            detail="What is recorded is kept. Look at the chair board and move what stands in the way.",
            url=reverse("infusion_detail", args=[infusion.code]), due_at=at, at=at,
        )  # fmt: skip


def _keep_the_fact(infusion: Infusion, reason: str, at: datetime) -> None:
    try:
        mark_stale(infusion=infusion, reason=reason, at=at)
    except Exception as error:
        # The deferred trigger lock_therapy_without_window still locks therapy; the sweep finds the gap.
        log.error("infusion %s could not be marked: %s", infusion.pk, type(error).__name__)


@receiver(tracking, dispatch_uid="scheduling.email_report")
def email_report(sender: Any, event: AnymailTrackingEvent, **_: Any) -> None:
    """The e-mail provider says what became of one message."""
    take_report(event)


@receiver(staffing_signals.person_joined, dispatch_uid="scheduling.person_joined")
def make_room(sender: Any, *, person: User, roles: frozenset[str], sites: list[Site], **_: Any) -> None:
    """Whoever treats can be booked."""
    make_bookable(person=person, held=roles, sites=sites)


@receiver(staffing_signals.person_left, dispatch_uid="scheduling.person_left")
def take_over(
    sender: Any, *, person: User, roles: frozenset[str], sites: list[Site], gone: bool, by: User | None,
    at: datetime, **_: Any,
) -> list[str]:  # fmt: skip
    """What somebody leaves behind goes on lists, or they cannot leave."""
    return hand_over(person=person, held=roles, sites=sites, gone=gone, by=by, at=at)


@receiver(staffing_signals.licence_changed, dispatch_uid="scheduling.licence_changed")
def look_at_licences(sender: Any, *, person: User, at: datetime, **_: Any) -> list[str]:
    """Bookings that are no longer covered go on a list."""
    return list_unlicensed(person=person, at=at)


@receiver(staffing_signals.site_moving, dispatch_uid="scheduling.site_moving")
def refuse_to_move(sender: Any, *, site: Site, at: datetime, **_: Any) -> None:
    """A site keeps its clock and its licences' place while visits are booked there."""
    refuse_while_booked(site=site, at=at)
