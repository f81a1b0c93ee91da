"""What seldom happens, made in the sample clinic through the services so that its pages can be looked at.

An alert, an adverse event, a contraindication, a finished plan of the clinic with one proposal booked, a newer version than
a running series has, moves, a longer gap, closures and absences, a slot offered from the waitlist, links of patients,
messages held after a restore. Prints an empty object.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from typing import Any

import django


def build() -> None:
    """Make one of each."""
    from sessions.models import Infusion
    from sessions.services import record_adverse_event
    from sessions.services.drugs import record_given_drug
    from staff.clock import app_now
    from staff.models import User

    people = {user.email.split("@")[0]: user for user in User.objects.all()}
    infusion = Infusion.objects.select_related("patient__site").filter(status="recovering").order_by("pk")[0]
    record_adverse_event(
        infusion=infusion, kind="nausea", severity="mild", by=people["clinician"], pauses_later=True
    )
    record_given_drug(
        infusion=infusion,
        drug="ondansetron",
        dose_mg=Decimal(4),
        ordered_by=people["clinician"],
        by=people["nurse"],
    )
    alert(infusion.patient, people["clinician"], app_now())
    contact(infusion.patient, people["nurse"])
    newer_version(people["admin"], people["m.ortiz"])
    clinic_plan(infusion.patient.site, people["coordinator"], app_now())
    changes(people["clinician"], app_now())
    switch(people["clinician"], app_now())
    away(infusion.patient.site, people["coordinator"], app_now())
    patient_pages()
    restore(app_now())


def alert(patient: Any, by: Any, now: Any) -> None:
    """An answer that needs somebody now, and what speaks against treatment."""
    from patients.services.history import record_contraindication
    from scheduling.services.alerts import raise_alert

    raise_alert(key="rare", site=patient.site, patient=patient, reason="PHQ-9 item 9 answered 2.", at=now)
    record_contraindication(
        patient=patient, kind="other", note="Thyroid result awaited.", by=by, severity="caution"
    )


def contact(patient: Any, by: Any) -> None:
    """A word about safety."""
    from sessions.services import record_safety_contact

    record_safety_contact(
        patient=patient, manner="phone", outcome="Slept well, no complaints.", by=by, cssrs=0
    )


def newer_version(author: Any, approver: Any) -> None:
    """A version that the running series do not have."""
    from protocols import services as protocols
    from protocols.models import ProtocolVersion

    unfinished = ProtocolVersion.objects.filter(status__in=["draft", "in-review"]).values("template")
    running = ProtocolVersion.objects.filter(status="active", series__status="active").exclude(
        template__in=unfinished
    )
    active = running.order_by("pk")[0]
    draft = protocols.revise_version(version=active, by=author, change_note="Longer observation.")
    draft = protocols.submit(version=draft, by=author)
    protocols.approve_and_activate(version=draft, by=approver, seen_sha256=draft.sha256)


def clinic_plan(site: Any, by: Any, now: Any) -> None:
    """A plan for two waiting patients, worked out to the end."""
    from patients.models import Patient
    from protocols.models import ProtocolVersion
    from scheduling.services import clinic_plan_bookings, clinic_plans

    waiting = Patient.objects.filter(site=site, status="active", series__isnull=True).order_by("pk")[:2]
    run = clinic_plans.start_run(
        site=site,
        protocol_version=ProtocolVersion.objects.get(template__slug="six-in-three-weeks", status="active"),
        first_day=now.date(),
        wishes=[clinic_plans.Wish(patient, Decimal(70)) for patient in waiting],
        seconds=2,
        by=by,
        wake=lambda code: None,
    )
    clinic_plans.work(str(run.code))
    proposed = run.entries.filter(state="proposed").order_by("pk")[:1]
    clinic_plan_bookings.accept(
        run=run, entries=[str(row.code) for row in proposed], by=by, reserve_therapy=False
    )


def changes(by: Any, now: Any) -> None:
    """A visit moved, one postponed whose slot is offered to another patient, a longer gap, a version that is refused."""
    from scheduling.models import Appointment
    from scheduling.services import waitlist
    from scheduling.services.long_gaps import write_long_gaps
    from scheduling.services.moves import move_visit
    from scheduling.services.once import once
    from scheduling.services.version_moves import newer_version as newer
    from scheduling.services.version_moves import refuse_version_move
    from scheduling.services.visits import cancel_visit

    ahead = list(
        Appointment.objects.filter(
            kind="infusion", status="booked", series__status="active", during__startswith__gt=now
        )
        .select_related("series__protocol_version")
        .order_by("-during")
    )
    moved, postponed = (
        ahead[0],
        next(row for row in reversed(ahead) if row.during.lower > now + timedelta(days=1)),
    )
    move_visit(
        appointment=moved, start=moved.during.lower + timedelta(minutes=15), by=by, reason="patient-asked"
    )
    write_long_gaps(moved.series, {moved.ordinal: 240}, reason="Travels.", by=by, at=now)
    cancel_visit(appointment=postponed, reason="patient-unwell", by=by)
    waitlist.add_entry(series=postponed.series, ordinal=postponed.ordinal, by=by, notice_hours=0)
    waitlist.fill(at=now + timedelta(minutes=3))
    series = next(row.series for row in ahead if newer(row.series) is not None)
    refuse_version_move(series=series, to_version=newer(series), reason="Two visits are left.", by=by)
    once(user=by, token="6f6f3f0e-2c5a-4a53-9d9c-0a3d8f2f7b11", route="rare", act=lambda: "done")


def switch(by: Any, now: Any) -> None:
    """A series goes on under another protocol."""
    from protocols.models import ProtocolVersion
    from scheduling.models import TreatmentSeries
    from scheduling.services.switches import Wanted, preview_switch, switch_series

    day = (now + timedelta(days=2)).date()
    targets = list(ProtocolVersion.objects.filter(status="active").order_by("pk"))
    for series in (
        TreatmentSeries.objects.filter(status="active").select_related("protocol_version").order_by("-pk")
    ):
        for target in targets:
            wanted = Wanted(target, day, Decimal(70))
            seen = preview_switch(series=series, wanted=wanted, by=by, at=now)
            if seen.refusal is None:
                switch_series(
                    series=series, wanted=wanted, seen_sha256=seen.sha256, reason="Responds.", by=by, at=now
                )
                return
    raise AssertionError("no series of the sample clinic can be switched")


def away(site: Any, by: Any, now: Any) -> None:
    """A closed day and an absence, both far ahead."""
    from scheduling.models import Resource
    from scheduling.services.resources import add_absence, add_closure

    far = now + timedelta(days=200)
    add_closure(site=site, first=far.date(), last=far.date(), reason="Works on the building", by=by)
    nurse = Resource.objects.filter(site=site, kind="nurse").order_by("pk")[0]
    add_absence(resource=nurse, start=far, end=far + timedelta(days=1), reason="Course", by=by)


def patient_pages() -> None:
    """Links of patients, as the sending of their messages makes them."""
    from django.db.models import F

    from scheduling.models import PatientLink
    from scheduling.services.answers import answer_visit
    from staff.clock import app_now
    from tests.journeys import patient_pages as pages

    pages.build()
    link = PatientLink.objects.filter(
        purpose="visit", appointment__kind="infusion", appointment__status="booked", contact_point__whose="patient",
        about_at=F("appointment__during__startswith"), expires_at__gt=app_now(),
    ).first()  # fmt: skip
    if link is not None:
        answer_visit(link=link, answer="no-driver")


def restore(now: Any) -> None:
    """The database is another than it was; what was due meanwhile is held."""
    from scheduling.models import DatabaseMark
    from scheduling.services import restores

    restores.watch()
    DatabaseMark.objects.update(fingerprint="another")
    restores.watch()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    build()
    print("{}")
