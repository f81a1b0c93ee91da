"""What a fresh clinic still needs, and the shipped protocols by one click."""

from __future__ import annotations

from django.db import transaction

from protocols.models import ProtocolVersion
from scheduling.models import Resource
from scheduling.setup_list import setup_steps
from staff.clock import app_now
from staff.services import add_licence
from tests.factories import make_site, make_user

INSTALL = "/protocols/install/"


def test_steps_are_ticked_by_what_is_there_and_shown_to_a_manager_only(db, client):
    site = make_site()
    manager = make_user("manager", sites=[site])

    def done():
        return {step.label for step in setup_steps(manager, site, app_now()) if step.done}

    assert done() == {"Open a site"}
    clinician = make_user("clinician", sites=[site])
    for role in ("nurse", "therapist", "coordinator"):
        make_user(role, sites=[site])
    assert done() == {"Open a site", "Invite people"}
    before = {step.label: step.note for step in setup_steps(manager, site, app_now())}
    assert clinician.full_name in before["Record licences"]
    Resource.objects.create(site=site, kind="chair", name="Chair 1")
    assert "Add chairs" in done()
    assert "Enter weekly hours" not in done()
    assert setup_steps(clinician, site, app_now()) == []
    client.force_login(manager)
    assert b"Set up your clinic" in client.get("/").content
    client.force_login(clinician)
    assert b"Set up your clinic" not in client.get("/").content


def test_a_licence_ticks_its_step(db):
    site = make_site()
    manager = make_user("manager", sites=[site])
    people = {
        role: make_user(role, sites=[site]) for role in ("clinician", "nurse", "therapist", "coordinator")
    }
    today = app_now().date()
    for role, profession in (("clinician", "prescriber"), ("therapist", "therapist")):
        step = next(s for s in setup_steps(manager, site, app_now()) if s.label == "Record licences")
        assert not step.done
        with transaction.atomic():
            add_licence(
                user=people[role], profession=profession, jurisdiction="US-OR", number="1", valid_from=today
            )
    step = next(s for s in setup_steps(manager, site, app_now()) if s.label == "Record licences")
    assert step.done


def test_a_manager_installs_the_shipped_protocols_once(db, client):
    site = make_site()
    assert client.post(INSTALL).status_code == 302
    client.force_login(make_user("nurse", sites=[site]))
    assert client.post(INSTALL).status_code == 403
    assert b"Install the shipped" not in client.get("/protocols/").content
    assert not ProtocolVersion.objects.exists()
    client.force_login(make_user("manager", sites=[site]))
    assert client.get(INSTALL).status_code == 405
    assert b"Install the shipped" in client.get("/protocols/").content
    assert client.post(INSTALL, follow=True).status_code == 200
    made = set(ProtocolVersion.objects.values_list("pk", "approval"))
    assert made
    assert {approval for _, approval in made} == {"shipped"}
    assert client.post(INSTALL, follow=True).status_code == 200
    assert set(ProtocolVersion.objects.values_list("pk", "approval")) == made
    assert b"Install the shipped" not in client.get("/protocols/").content


def test_hours_are_typed_once_for_everything_that_has_none(clinic, client):
    made = [Resource.objects.create(site=clinic.site, kind="chair", name=f"New {n}") for n in (1, 2)]
    client.force_login(clinic.coordinator)
    page = f"/resources/{made[0].code}/"
    assert b"that has no hours yet" in client.get(page).content
    kept = list(clinic.nurse_lane.availabilities.values_list("start_time", flat=True))
    seen = client.get(page).context["hours"].initial["seen"]
    body = {"seen": seen, "day_0": "09:00-12:00", "rest": "on"}
    assert client.post(f"{page}hours/", body | {"day_0": "nine"}).status_code == 422
    assert not made[1].availabilities.exists(), "what cannot be read is given to nobody"
    for _ in range(2):  # the second time the page is out of date, and nothing changes
        client.post(f"{page}hours/", body)
    for row in made:
        assert [(item.weekday, f"{item.start_time:%H:%M}") for item in row.availabilities.all()] == [
            (0, "09:00")
        ]
    assert list(clinic.nurse_lane.availabilities.values_list("start_time", flat=True)) == kept
    assert b"that has no hours yet" not in client.get(page).content
