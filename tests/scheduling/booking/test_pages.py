"""Every page of bookings: works, anonymous, wrong role, somebody else's, wrong method, bad input, repeated POST."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.models import Appointment, TreatmentSeries, WaitlistEntry
from scheduling.plan_pages import versions_to_offer
from scheduling.services import visits as visit_service
from scheduling.services.waitlist import add_entry
from tests import factories
from tests.scheduling.booking.helpers import book, local, minutes, six, visits_of
from tests.scheduling.booking.steps import arrive
from tests.scheduling.follow.world import book_course

pytestmark = pytest.mark.django_db
CARE = ("clinician", "nurse", "coordinator")


@pytest.fixture
def series(clinic):
    return book(clinic)


@pytest.fixture
def visit(series):
    return visits_of(series)[2]


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


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


# --- Planning ------------------------------------------------------------------------------------------------------


def plan_data(clinic, act="propose", **over):
    fields = {
        "protocol": str(clinic.version.code),
        "weight_kg": "70",
        "first_day": local(clinic, 5).date().isoformat(),
        "part_of_day": "",
        "therapist": str(clinic.therapist.code),
        "patient_code": str(clinic.patient.code),
        "act": act,
    }
    return fields | over


def plan_url(clinic):
    return reverse("series_plan", args=[clinic.patient.code])


def shown(response) -> dict[str, list[str]]:
    """The hidden fields of an answer, as the browser would send them back."""
    text = response.content.decode()
    found = {
        name: [html.unescape(value) for value in re.findall(rf'name="{name}" value="([^"]*)"', text)]
        for name in ("visit", "session", "token")
    }
    assert len(found["token"]) == 1
    return found


def test_three_steps_book_a_series(clinic):
    client = signed_in(clinic.coordinator)
    assert client.get(plan_url(clinic)).status_code == 200
    type(clinic.version).objects.filter(pk=clinic.version.pk).update(next_review_on="2026-01-05")
    proposal = client.post(plan_url(clinic), plan_data(clinic))
    assert "Review overdue: Its review was due on 5 January 2026." in proposal.content.decode()
    assert proposal.status_code == 200
    fields = shown(proposal)
    assert len(fields["visit"]) == 6
    assert "Therapy from" in proposal.content.decode()
    answer = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    series = TreatmentSeries.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == reverse("series_detail", args=[series.code])
    assert series.appointments.infusions().count() == 6
    page = client.get(answer["Location"])
    assert "Infusion 6" in page.content.decode()


def test_sending_the_booking_twice_books_once(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    first = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    second = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    assert first["Location"] == second["Location"]
    assert TreatmentSeries.objects.count() == 1
    assert Appointment.objects.count() == 6


def test_therapy_is_reserved_when_asked_for(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    assert fields["session"]
    client.post(plan_url(clinic), plan_data(clinic, "book", reserve_therapy="1", **fields))
    assert Appointment.objects.filter(kind="therapy", status="provisional").count() == len(fields["session"])


def test_one_visit_changes_and_the_others_stay(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    options = client.post(plan_url(clinic), plan_data(clinic, "options:3", **fields))
    buttons = re.findall(r'value="(pick:3:[^"]*:keep)"', options.content.decode())
    assert buttons
    changed = shown(client.post(plan_url(clinic), plan_data(clinic, buttons[0], **fields)))
    before = [item.split("|")[1] for item in fields["visit"]]
    after = [item.split("|")[1] for item in changed["visit"]]
    assert [n for n, pair in enumerate(zip(before, after, strict=True), 1) if pair[0] != pair[1]] == [3]


def test_a_slot_that_somebody_took_meanwhile_is_named_and_the_rest_proposed_again(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    third = fields["visit"][2].split("|")
    starts = [item.split("|")[1] for item in fields["visit"]]
    other = factories.make_patient(clinic.site, family_name="Faster")
    rows = six(clinic)
    rows = [
        type(row)(row.ordinal, datetime.fromisoformat(start), third[2], row.nurse, row.prescriber)
        for row, start in zip(rows, starts, strict=True)
    ]
    book(clinic, patient=other, visits=rows)
    answer = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    assert answer.status_code == 409
    text = html.unescape(answer.content.decode())
    assert re.search(r"\d of 6: ", text)
    assert "Error: Plan a series" in text
    assert TreatmentSeries.objects.count() == 1
    again = client.post(plan_url(clinic), plan_data(clinic, "book", **shown(answer)))
    assert again.status_code == 302


def test_an_impossible_series_says_why(clinic):
    clinic.site.closures.create(
        days=(local(clinic, 1).date(), local(clinic, 1).date() + timedelta(days=300)), reason="Rebuilding"
    )
    answer = signed_in(clinic.coordinator).post(plan_url(clinic), plan_data(clinic))
    assert answer.status_code == 200
    assert "No complete series is possible" in answer.content.decode()
    assert "Rebuilding" in answer.content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight_kg", "NaN"),
        ("weight_kg", "7_0"),
        ("weight_kg", "1e400"),
        ("weight_kg", "19"),
        ("first_day", "2026-02-30"),
        ("first_day", "2026-03-02"),
        ("first_day", "2031-01-01"),
        ("protocol", "nope"),
        ("therapist", "a\x00b"),
        ("act", "drop"),
        ("act", "options:0"),
        ("act", "options:x"),
        ("act", "pick:3:2026-03-12T09:00:00:keep"),
        ("act", "pick:3:2026-03-12T09:00:00+00:00:steal"),
        ("visit", ["1|2026-03-12T17:00:00+00:00|x"]),
        ("visit", ["1|yesterday|a|b|c"]),
        ("visit", ["1|2026-03-12T17:00:00+00:00|a|b|c"] * 61),
        ("patient_code", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_bad_input_to_the_plan_is_refused_in_words(clinic, field, value):
    data = plan_data(clinic) if field != "visit" else plan_data(clinic, "book", token="0" * 36)
    answer = signed_in(clinic.coordinator).post(plan_url(clinic), data | {field: value})
    assert answer.status_code in (400, 409, 422)
    assert "data-error-summary" in answer.content.decode()
    assert not TreatmentSeries.objects.exists()


def test_booking_needs_the_token_of_a_page(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    answer = client.post(plan_url(clinic), plan_data(clinic, "book", visit=fields["visit"], token="x"))
    assert answer.status_code == 400
    assert not TreatmentSeries.objects.exists()


def test_a_fragment_for_htmx_and_a_page_for_everybody_else(clinic):
    client = signed_in(clinic.coordinator)
    fragment = client.post(
        plan_url(clinic), plan_data(clinic), headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in fragment
    assert 'id="plan"' in fragment


# --- One visit -----------------------------------------------------------------------------------------------------


def reason_data(visit, reason, **over):
    fields = {
        "reason": reason,
        "initiator": "patient",
        "note": "",
        "version": str(visit.version),
        "patient_code": str(visit.patient.code),
    }
    return fields | over


def test_a_visit_moves_to_an_offered_time_and_back(clinic, visit):
    client = signed_in(clinic.coordinator)
    url = reverse("visit_move", args=[visit.code])
    page = client.get(url)
    offers = re.findall(r'name="offered" value="(2026[^"]*)"', page.content.decode())
    assert offers
    answer = client.post(url, reason_data(visit, "patient-asked", offered=html.unescape(offers[0])))
    assert answer.status_code == 302
    visit.refresh_from_db()
    assert visit.moved_from is not None
    page = client.get(answer["Location"])
    undo = reverse("visit_undo_move", args=[visit.code, visit.version])
    assert undo in page.content.decode()
    assert client.post(undo).status_code == 302
    assert client.post(undo).status_code == 302, "a second press changes nothing"
    came_back = visit.moved_from.lower
    visit.refresh_from_db()
    assert visit.during.lower == came_back


def test_a_typed_time_is_read_in_the_clinics_clock(clinic, visit):
    client = signed_in(clinic.nurse)
    data = reason_data(visit, "staff", offered="other", start="2026-03-12T13:30")
    assert client.post(reverse("visit_move", args=[visit.code]), data).status_code == 302
    visit.refresh_from_db()
    assert visit.during.lower == local(clinic, 12, 13, 30)


@pytest.mark.parametrize(
    ("over", "status"),
    [
        ({"offered": "other", "start": ""}, 422),
        ({"offered": "other", "start": "2026-03-08T02:30"}, 422),
        ({"offered": "other", "start": "2026-03-12T99:99"}, 422),
        ({"offered": "other", "start": "2026-03-02T09:00"}, 422),
        ({"offered": "other", "start": "2026-03-10T09:00"}, 422),
        ({"offered": "2026-03-12T09:00:00"}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "reason": "because"}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "version": "7"}, 412),
        ({"offered": "other", "start": "2026-03-12T13:00", "version": "true"}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "note": "x" * 111}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "patient_code": "someone-else"}, 409),
    ],
)
def test_bad_moves_are_refused_in_words_and_move_nothing(clinic, visit, over, status):
    data = reason_data(visit, "patient-asked") | over
    answer = signed_in(clinic.coordinator).post(reverse("visit_move", args=[visit.code]), data)
    assert answer.status_code == status
    assert "data-error-summary" in answer.content.decode()
    before = visit.during
    visit.refresh_from_db()
    assert (visit.during, visit.version) == (before, 1)


def test_postpone_skip_and_not_attended(clinic, clock, series):
    rows = visits_of(series)
    client = signed_in(clinic.clinician)
    postpone = reverse("visit_cancel", args=[rows[3].code])
    assert client.post(postpone, reason_data(rows[3], "patient-unwell")).status_code == 302
    assert client.post(postpone, reason_data(rows[3], "patient-unwell")).status_code == 412
    skip = reverse("visit_omit", args=[rows[4].code])
    assert client.post(skip, reason_data(rows[4], "responded")).status_code == 302
    early = client.post(reverse("visit_no_show", args=[rows[0].code]), reason_data(rows[0], "no-contact"))
    assert early.status_code == 422
    clock.set(rows[0].during.lower + minutes(30))
    late = client.post(reverse("visit_no_show", args=[rows[0].code]), reason_data(rows[0], "no-contact"))
    assert late.status_code == 302
    states = [row.status for row in visits_of(series)]
    assert states == ["no-show", "booked", "booked", "cancelled", "omitted", "booked"]


def test_an_infusion_without_a_date_gets_one_or_is_skipped(clinic, series):
    rows = visits_of(series)
    for row in (rows[4], rows[5]):
        visit_service.cancel_visit(appointment=row, by=clinic.coordinator, reason="staff")
    client = signed_in(clinic.coordinator)
    page = client.get(reverse("series_detail", args=[series.code])).content.decode()
    assert reverse("infusion_rebook", args=[series.code, 5]) in page
    url = reverse("infusion_rebook", args=[series.code, 5])
    offers = re.findall(r'name="offered" value="(2026[^"]*)"', client.get(url).content.decode())
    data = {"offered": html.unescape(offers[0]), "patient_code": str(clinic.patient.code)}
    assert client.post(url, data).status_code == 302
    assert client.post(url, data).status_code == 409
    skip = reverse("infusion_skip", args=[series.code, 6])
    answer = client.post(
        skip, {"reason": "responded", "initiator": "clinician", "patient_code": str(clinic.patient.code)}
    )
    assert answer.status_code == 302
    assert [row.status for row in visits_of(series)[-2:]] != ["booked", "booked"]
    assert client.get(reverse("infusion_skip", args=[series.code, 9])).status_code == 404


def test_an_extra_infusion(clinic, series):
    client = signed_in(clinic.clinician)
    url = reverse("infusion_extra", args=[clinic.patient.code])
    offers = re.findall(r'name="offered" value="(2026[^"]*)"', client.get(url).content.decode())
    data = {
        "offered": html.unescape(offers[-1]),
        "reason": "early-return",
        "initiator": "clinician",
        "note": "",
    }
    answer = client.post(url, data | {"patient_code": str(clinic.patient.code)})
    assert answer.status_code == 302
    series.refresh_from_db()
    assert series.visits == 7
    nobody = factories.make_patient(clinic.site)
    redirected = client.get(reverse("infusion_extra", args=[nobody.code]))
    assert redirected["Location"] == reverse("series_plan", args=[nobody.code])


def test_ending_a_series(clinic, series):
    client = signed_in(clinic.clinician)
    url = reverse("series_end", args=[series.code])
    data = {
        "reason": "no-response",
        "initiator": "clinician",
        "note": "",
        "version": "1",
        "patient_code": str(clinic.patient.code),
    }
    assert client.post(url, data).status_code == 302
    assert client.post(url, data).status_code == 409
    series.refresh_from_db()
    assert series.status == "ended"


def test_check_in_leads_to_the_record_also_the_second_time(clinic, clock, series):
    visit = visits_of(series)[0]
    clock.set(visit.during.lower - minutes(10))
    client = signed_in(clinic.nurse)
    url = reverse("visit_check_in", args=[visit.code])
    first = client.post(url, {"version": "1"})
    second = client.post(url, {"version": "1"})
    visit.refresh_from_db()
    assert first["Location"] == second["Location"] == reverse("infusion_detail", args=[visit.infusion.code])
    coordinator = signed_in(clinic.coordinator).post(url, {"version": "1"})
    assert coordinator["Location"] == reverse("visit_detail", args=[visit.code])


@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 30, "7"])
def test_check_in_with_a_version_that_is_none_or_stale(clinic, clock, series, version):
    visit = visits_of(series)[0]
    clock.set(visit.during.lower)
    answer = signed_in(clinic.nurse).post(reverse("visit_check_in", args=[visit.code]), {"version": version})
    assert answer.status_code == (412 if version == "7" else 400)
    visit.refresh_from_db()
    assert visit.infusion is None


def test_no_page_names_a_patient_in_its_title(clinic, clock, series, visit):
    client = signed_in(clinic.clinician)
    for route in ROUTES:
        if not route.get:
            continue
        answer = client.get(route.url(clinic, series, visit))
        title = re.search(r"<title>(.*?)</title>", answer.content.decode())
        if title:
            assert clinic.patient.family_name not in title.group(1), route


def test_arrived_visits_are_linked_to_their_record(clinic, clock, series):
    infusion = arrive(clinic, visits_of(series)[0], clock)
    text = (
        signed_in(clinic.nurse)
        .get(reverse("visit_detail", args=[visits_of(series)[0].code]))
        .content.decode()
    )
    assert reverse("infusion_detail", args=[infusion.code]) in text
    assert "Check in" not in text


def test_what_is_booked_most_is_offered_first_and_single_infusions_last(clinic):
    often = factories.make_version("six-in-twelve-days", author=clinic.admin)
    factories.make_version("single-infusion", author=clinic.admin)
    assert versions_to_offer()[0] == clinic.version, "in the order they came into force"
    book_course(clinic, [local(clinic, 10)], protocol_version=often)
    assert [item.template.slug for item in versions_to_offer()] == [
        "six-in-twelve-days",
        clinic.version.template.slug,
        "single-infusion",
    ]
