"""A prescriber who is nurse, coordinator, protocol admin and manager at once, and a therapist: the whole job works."""

from __future__ import annotations

from dataclasses import replace

from patients.services import assign_team
from scheduling import dispatch
from scheduling.models import FollowUp, PlasticityWindow, Resource
from scheduling.services import therapy
from staff.models import User
from tests.factories import make_licence, make_resource, make_user
from tests.scheduling.booking import steps
from tests.scheduling.booking.helpers import book, visits_of


def test_two_people_plan_give_sign_and_follow_up(clinic, clock):
    one = make_user(
        "clinician",
        "nurse",
        "coordinator",
        "protocol_admin",
        "manager",
        sites=[clinic.site],
        full_name="Dr Only One",
    )
    make_licence(one, "prescriber")
    User.objects.exclude(pk__in=[one.pk, clinic.therapist.pk]).update(is_active=False)
    Resource.objects.exclude(kind="chair").exclude(pk=clinic.therapist_lane.pk).update(active=False)
    small = replace(
        clinic,
        clinician=one,
        nurse=one,
        coordinator=one,
        nurse_lane=make_resource(clinic.site, "nurse", user=one, capacity=2),
        clinician_lane=make_resource(clinic.site, "clinician", user=one, capacity=4),
    )
    assign_team(patient=clinic.patient, therapist=clinic.therapist, prescriber=one, by=one)
    infusion = steps.give(small, visits_of(book(small))[0], clock)
    assert infusion.status == "signed-off"
    assert [row.signed_by for row in infusion.sign_offs.all()] == [one]
    window = PlasticityWindow.objects.current().get(infusion=infusion)
    row = FollowUp.objects.filter(infusion=infusion, therapy=True).order_by("target_at")[0]
    clock.set(window.t0)
    dispatch.tick()
    row.refresh_from_db()
    booked = therapy.book_therapy(
        follow_up=row, start=row.target_at, therapist=clinic.therapist, by=clinic.therapist
    )
    assert booked.practitioner == clinic.therapist
