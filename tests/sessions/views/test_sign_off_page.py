"""The sign-off page: who confirmed their identity, what is missing, the second person's own password."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from sessions import services
from sessions.models import Infusion
from tests.sessions import world

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def people(clinic):
    for person in (clinic.clinician, clinic.nurse, clinic.second_clinician, clinic.therapist):
        person.set_password(PASSWORD)
        person.save(update_fields=["password"])
    return clinic


def confirmed(client, user):
    """Signed in, and the own password typed again just now."""
    client.force_login(user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def url(infusion):
    return reverse("infusion_sign_off", args=[infusion.code])


def filled(infusion, **more):
    fresh = Infusion.objects.get(pk=infusion.pk)
    return {
        "version": fresh.version,
        "patient_code": str(fresh.patient.code),
        "identity_checked": "on",
        "opens_window": "yes",
        **more,
    }


def test_signing_asks_for_the_own_password_again(client, people, clock):
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion)
    client.force_login(people.clinician)
    response = client.get(url(infusion))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    post = client.post(url(infusion), filled(infusion))
    assert post.status_code == 403
    assert b"confirm your password" in post.content
    assert not infusion.sign_offs.exists()


def test_no_password_is_kept_in_the_browser_session(client, people, clock):
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion, gait="unmet")
    client.force_login(people.clinician)
    client.post(
        url(infusion),
        filled(infusion, unmet_reason="x", second_email=people.nurse.email, second_password=PASSWORD),
    )
    assert PASSWORD not in str(dict(client.session))


def test_the_page_shows_two_identifiers_and_signs(client, people, clock):
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion)
    confirmed(client, people.clinician)
    page = client.get(url(infusion)).content.decode()
    assert people.patient.mrn in page
    assert "17 May 1984" in page
    response = client.post(url(infusion), filled(infusion))
    assert response.status_code == 302
    infusion.refresh_from_db()
    assert infusion.status == Infusion.Status.SIGNED_OFF
    again = client.post(url(infusion), filled(infusion))
    assert again.status_code == 302, "sent twice: the signature that there is"
    other = confirmed(Client(), people.second_clinician).post(url(infusion), filled(infusion))
    assert other.status_code == 409
    assert people.clinician.full_name in other.content.decode()
    assert client.post(url(infusion), filled(infusion, reason="")).status_code == 422, "again: with a reason"
    assert infusion.sign_offs.count() == 1


def test_signing_again_begins_with_the_later_time_that_was_stated(client, people, clock):
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion)
    later = services.current_estimate(infusion).t_pk.replace(second=0, microsecond=0) + timedelta(hours=3)
    terms = services.SigningTerms(override_to=later, override_code="sedative_given")
    services.sign_off(infusion=infusion, by=people.clinician, terms=terms)
    page = confirmed(client, people.clinician).get(url(infusion))
    typed = page.context["form"]["override_to"].value()
    local = later.astimezone(ZoneInfo(people.site.time_zone))
    assert (typed, page.context["page"].therapy_at) == (f"{local:%Y-%m-%dT%H:%M}", later)
    assert "stands until you state another" in page.content.decode()
    emptied = filled(infusion, reason="A typing error", override_to="", override_code="")
    assert client.post(url(infusion), emptied).status_code == 302
    assert services.therapy_time(Infusion.objects.get(pk=infusion.pk)).at == later


def test_what_is_missing_is_listed_and_cannot_be_signed_away(client, people, clock):
    infusion = world.given(people, clock)
    clock.advance(minutes=100)
    confirmed(client, people.clinician)
    page = client.get(url(infusion)).content.decode()
    assert "Not recorded yet" in page
    assert "Sign off infusion 1</button>" not in page
    assert client.post(url(infusion), filled(infusion)).status_code == 422
    assert not infusion.sign_offs.exists()


def test_the_identity_box_is_needed(client, people, clock):
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion)
    confirmed(client, people.clinician)
    data = filled(infusion)
    del data["identity_checked"]
    response = client.post(url(infusion), data)
    assert response.status_code == 422
    assert "identity_checked" in response.context["form"].errors


def test_an_unmet_criterion_needs_the_second_persons_own_password(client, people, clock):
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion, gait="unmet")
    confirmed(client, people.clinician)
    unmet = {"unmet_reason": "Wheelchair", "second_email": people.nurse.email}
    for password, field in (("", "second_password"), ("not theirs", "second_password")):
        response = client.post(url(infusion), filled(infusion, **unmet, second_password=password))
        assert response.status_code in (400, 422)
        assert field in response.context["form"].errors
        assert password == "" or password.encode() not in response.content
    own = filled(infusion, unmet_reason="x", second_email=people.clinician.email, second_password=PASSWORD)
    assert "second_email" in client.post(url(infusion), own).context["form"].errors
    response = client.post(url(infusion), filled(infusion, **unmet, second_password=PASSWORD))
    assert response.status_code == 302
    assert services.current_sign_off(infusion).second_person == people.nurse


def test_guessing_a_second_persons_password_is_slowed(client, people, clock):
    from django.core.cache import cache

    cache.clear()
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion, gait="unmet")
    confirmed(client, people.clinician)
    unmet = {"unmet_reason": "x", "second_email": people.second_clinician.email}
    for number in range(6):
        response = client.post(url(infusion), filled(infusion, **unmet, second_password=f"guess {number}"))
    assert response.context["form"].errors["second_password"] == ["Too many tries. Wait five minutes."]
    right = client.post(url(infusion), filled(infusion, **unmet, second_password=PASSWORD))
    assert right.status_code == 422
    cache.clear()


def test_a_criterion_that_changed_meanwhile_is_shown_and_nothing_is_signed(client, people, clock):
    infusion = world.given(people, clock)
    world.assessed(people, clock, infusion)
    confirmed(client, people.clinician)
    data = filled(infusion)
    services.record_criterion(
        infusion=infusion, criterion="escort", outcome="met", detail="Sister phoned", by=people.nurse
    )
    response = client.post(url(infusion), data)
    assert response.status_code == 412
    assert b"Sister phoned" in response.content
    assert not infusion.sign_offs.exists()


def test_a_record_that_cannot_be_signed_says_why(client, people):
    infusion = world.ready(people)
    confirmed(client, people.clinician)
    response = client.get(url(infusion))
    assert response.status_code == 409
    assert b"pump must be stopped" in response.content


def test_correcting_a_signed_log_moves_the_times_on_the_page(client, people, clock):
    infusion, _ = world.signed(people, clock, minutes=60)
    before = services.therapy_time(infusion).at
    start = infusion.pump_events.live().get(kind="start")
    client.force_login(people.nurse)
    amend = reverse("pump_event_amend", args=[start.code])
    assert b"2026-03-03T09:00" in client.get(amend).content
    fresh = Infusion.objects.get(pk=infusion.pk)
    data = {
        "version": fresh.version,
        "patient_code": str(fresh.patient.code),
        "observed_at": "2026-03-03T09:07:00",
        "rate_mg_per_min": "0.875",
        "reason": "Wall clock seven minutes slow",
    }
    assert client.post(amend, data).status_code == 302
    after = services.therapy_time(fresh).at
    assert (after - before).total_seconds() == 7 * 60
    page = client.get(reverse("infusion_detail", args=[infusion.code])).content.decode()
    assert "Wall clock seven minutes slow" in page
    assert client.post(amend, data).status_code in (409, 412), "the old line is corrected once"


def test_moving_the_log_and_striking_a_line_have_their_pages(client, people, clock):
    infusion = world.given(people, clock)
    client.force_login(people.nurse)
    fresh = Infusion.objects.get(pk=infusion.pk)
    hidden = {"version": fresh.version, "patient_code": str(fresh.patient.code)}
    move = reverse("pump_log_move", args=[infusion.code])
    assert client.post(move, {**hidden, "minutes": "0", "reason": "x"}).status_code == 400
    assert client.post(move, {**hidden, "minutes": "-5", "reason": "Clock fast"}).status_code == 302
    stop = infusion.pump_events.live().get(kind="stop")
    strike = reverse("pump_event_strike", args=[stop.code])
    assert client.get(strike).status_code == 200
    fresh.refresh_from_db()
    assert client.post(strike, {**hidden, "version": fresh.version, "reason": ""}).status_code == 302
    fresh.refresh_from_db()
    assert fresh.status == Infusion.Status.INFUSING
