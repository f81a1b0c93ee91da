"""Every page of bookings: works, anonymous, wrong role, somebody else's, wrong method, bad input, repeated POST."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.models import Appointment, WaitlistEntry
from scheduling.services.waitlist import add_entry
from tests import factories
from tests.scheduling.booking.helpers import book, visits_of
from tests.scheduling.booking.pages import signed_in

pytestmark = pytest.mark.django_db
CARE = ("clinician", "nurse", "coordinator")


@pytest.fixture
def series(clinic):
    return book(clinic)


@pytest.fixture
def visit(series):
    return visits_of(series)[2]


class Route:
    """One address: who may open it (role names), with which methods, and a POST that works."""

    def __init__(self, name, about, roles, *, get=True, post=None, args=()):
        self.name, self.about, self.roles, self.get, self.post, self.args = (
            name,
            about,
            roles,
            get,
            post,
            args,
        )

    def url(self, clinic, series, visit):
        codes = {
            "patient": [clinic.patient.code],
            "series": [series.code],
            "visit": [visit.code],
            "resource": [clinic.nurse_lane.code],
            "none": [],
            "entry": [entry_of(series, clinic).code],
        }[self.about]
        return reverse(self.name, args=[*codes, *self.args])

    def __repr__(self):
        return self.name


def entry_of(series, clinic):
    """A place on the waitlist for the routes that are about one."""
    found = WaitlistEntry.objects.filter(series=series).first()
    return found or add_entry(series=series, ordinal=4, by=clinic.coordinator)


EVERYONE = (*CARE, "therapist")
BOOKERS = ("clinician", "coordinator")
ROUTES = [
    Route("chair_board", "none", EVERYONE),
    Route("week", "none", EVERYONE),
    Route("week_limits", "none", CARE),
    Route("resource_list", "none", EVERYONE),
    Route("resource_detail", "resource", EVERYONE),
    Route("resource_hours", "resource", ("coordinator",), get=False, post={}),
    Route("resource_absence", "resource", ("coordinator",), get=False, post={}),
    Route("resource_absence_end", "resource", ("coordinator",), get=False, post={}),
    Route("waitlist", "none", EVERYONE),
    Route("waitlist_add", "series", BOOKERS, post={}, args=[2]),
    Route("waitlist_accept", "entry", CARE, get=False, post={}),
    Route("waitlist_decline", "entry", CARE, get=False, post={}),
    Route("waitlist_withdraw", "entry", BOOKERS, get=False, post={}),
    Route("utilisation", "none", EVERYONE),
    Route("outcomes", "none", EVERYONE),
    Route("replan", "none", EVERYONE, post={}),
    Route("closure_end", "none", ("coordinator",), get=False, post={}),
    Route("series_plan", "patient", BOOKERS, post={}),
    Route("infusion_extra", "patient", BOOKERS, post={}),
    Route("patient_schedule_fragment", "patient", EVERYONE),
    Route("series_detail", "series", EVERYONE),
    Route("series_pause", "series", ("clinician",), post={}),
    Route("series_long_gap", "series", ("clinician",), post={}),
    Route("series_end", "series", ("clinician",), post={}),
    Route("series_confirm", "series", BOOKERS, get=False, post={}),
    Route("series_release", "series", BOOKERS, get=False, post={}),
    Route("infusion_rebook", "series", BOOKERS, post={}, args=[2]),
    Route("infusion_skip", "series", BOOKERS, post={}, args=[2]),
    Route("visit_detail", "visit", EVERYONE),
    Route("visit_check_in", "visit", CARE, get=False, post={}),
    Route("visit_check_in_decided", "visit", ("clinician",), post={}),
    Route("visit_move", "visit", CARE, post={}),
    Route("visit_late", "visit", CARE, post={}),
    Route("visit_history", "visit", EVERYONE),
    Route("visit_undo_move", "visit", CARE, get=False, post={}, args=[1]),
    Route("visit_cancel", "visit", CARE, post={}),
    Route("visit_omit", "visit", BOOKERS, post={}),
    Route("visit_no_show", "visit", CARE, post={}),
    Route("visit_keep", "visit", CARE, get=False, post={}),
    Route("visit_let_go", "visit", CARE, get=False, post={}),
]


def people(clinic):
    return {
        "clinician": clinic.clinician,
        "nurse": clinic.nurse,
        "coordinator": clinic.coordinator,
        "therapist": clinic.therapist,
        "protocol_admin": clinic.admin,
    }


def test_every_route_is_listed_here():
    from scheduling.urls_booking import urlpatterns

    elsewhere = (
        "protocol_",
        "clinic_plan",
        "pinned",
        "series_version",
        "series_switch",
        "course_review",
        "compromises",
        "board_step",
        "booking_import",
        "person_bookable",
        "preparation_",
        "resource_new",
        "resource_change",
        "resource_retire",
        "resource_restore",
    )  # each has a module of its own
    here = {item.name for item in urlpatterns if not item.name.startswith(elsewhere)}
    assert here == {route.name for route in ROUTES}


def test_nobody_reads_or_posts_without_signing_in(clinic, series, visit):
    for route in ROUTES:
        url = route.url(clinic, series, visit)
        response = Client().post(url) if not route.get else Client().get(url)
        assert response.status_code == 302, route
        assert response["Location"].startswith("/accounts/login/"), route


def test_the_wrong_role_gets_403_and_the_right_one_does_not(clinic, series, visit):
    for role, person in people(clinic).items():
        client = signed_in(person)
        for route in ROUTES:
            url = route.url(clinic, series, visit)
            response = client.get(url) if route.get else client.post(url, route.post)
            forbidden = role not in route.roles
            assert (response.status_code == 403) is forbidden, (route, role, response.status_code)
    assert Appointment.objects.filter(status="booked").count() == 6


def test_what_is_elsewhere_does_not_exist(clinic, series, visit):
    """The outsider holds every role at another site: same answer as for a code that nobody has."""
    client = signed_in(clinic.outsider)
    clinic.outsider.groups.add(*factories.make_user("therapist").groups.all())
    for route in ROUTES:
        if route.about == "none":
            continue
        url = route.url(clinic, series, visit)
        response = client.get(url) if route.get else client.post(url, route.post)
        assert response.status_code == 404, route
        nobody = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "00000000-0000-4000-8000-000000000000", url)
        again = client.get(nobody) if route.get else client.post(nobody, route.post)
        assert again.status_code == 404, route
        assert _bare(again) == _bare(response), route


def _bare(response) -> str:
    """The page without its reference id and token."""
    return re.sub(r"[0-9a-f]{12}|csrf[^>]*>|X-CSRFToken[^}]*", "", response.content.decode())


def test_a_therapist_sees_assigned_and_unassigned_patients_only(clinic, series, visit):
    other = signed_in(clinic.other_therapist)
    assert other.get(reverse("visit_detail", args=[visit.code])).status_code == 404
    assert other.get(reverse("series_detail", args=[series.code])).status_code == 404
    clinic.patient.therapist = None
    clinic.patient.save(update_fields=["therapist"])
    assert other.get(reverse("visit_detail", args=[visit.code])).status_code == 200


def test_wrong_methods_are_refused(clinic, series, visit):
    client = signed_in(clinic.coordinator)
    for route in ROUTES:
        url = route.url(clinic, series, visit)
        assert client.put(url).status_code == 405, route
        if not route.get:
            assert client.get(url).status_code == 405, route
        elif route.post is None and route.name != "resource_list":
            assert client.post(url).status_code == 405, route


def test_no_page_names_a_patient_in_its_title(clinic, clock, series, visit):
    client = signed_in(clinic.clinician)
    for route in ROUTES:
        if not route.get:
            continue
        answer = client.get(route.url(clinic, series, visit))
        title = re.search(r"<title>(.*?)</title>", answer.content.decode())
        if title:
            assert clinic.patient.family_name not in title.group(1), route
