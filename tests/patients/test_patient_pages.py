"""Six questions per page: works, anonymous, wrong role, wrong method, bad input, repeated POST."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patients import services
from patients.models import ContactPoint, Patient, PriorExposure
from patients.services.people import update_patient
from tests.factories import make_contact, make_patient

NUL = "a\x00b"


@pytest.fixture
def patient(clinic):
    return make_patient(clinic.site, given_name="Ines", family_name="Oyelaran", mrn="RC-77")


@pytest.fixture
def point(patient):
    return make_contact(patient, "ines@mail.example", verified_at=None, consented_at=None)


def new_patient(clinic, **over):
    fields = {
        "site": str(clinic.site.code),
        "mrn": "RC-0001",
        "given_name": "Mara",
        "family_name": "Ellison",
        "birth_date": "1984-05-17",
        "sex": "F",
        "height_cm": "171,5",
        "language": "en",
        "time_zone": "America/Los_Angeles",
        "jurisdiction": "US-OR",
    }
    return fields | over


def identity(patient, **over):
    fields = {
        "mrn": patient.mrn,
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "birth_date": patient.birth_date.isoformat(),
        "sex": patient.sex,
        "height_cm": "170",
        "language": "en",
        "time_zone": "America/Los_Angeles",
        "jurisdiction": "US-OR",
        "version": str(patient.version),
        "patient_code": str(patient.code),
    }
    return fields | over


class Route:
    """One page: its address for the fixtures of a test, what it accepts, and a POST that works."""

    def __init__(self, name, *, about="patient", get=True, post=True, data=None, kind=""):
        self.name, self.about, self.get, self.post, self.kind = name, about, get, post, kind
        self.data = data or (lambda clinic, patient, point: {})

    def url(self, patient, point):
        codes = {"patient": [patient.code], "point": [point.code], "none": []}[self.about]
        return reverse(self.name, args=[*codes, self.kind] if self.kind else codes)

    def __repr__(self):
        return self.name


def about(patient, **fields):
    return {"patient_code": str(patient.code)} | fields


READ = [
    Route("patient_list", about="none", data=lambda c, p, t: {"q": "oye"}),
    Route("patient_detail", post=False),
]
WRITE = [
    Route("patient_new", about="none", data=lambda c, p, t: new_patient(c)),
    Route("patient_edit", data=lambda c, p, t: identity(p, given_name="Inez")),
    Route(
        "patient_team",
        data=lambda c, p, t: about(
            p, version="1", therapist=str(c.therapist.code), prescriber=str(c.clinician.code)
        ),
    ),
    Route("patient_status", data=lambda c, p, t: about(p, version="1", status="inactive")),
    Route(
        "contact_new", data=lambda c, p, t: about(p, whose="patient", channel="sms", address="503 555 0142")
    ),
    Route("quiet_hours_edit", data=lambda c, p, t: about(p, quiet_from="21:00", quiet_until="09:00")),
    Route("messages_hold", get=False),
    Route("messages_release", get=False),
    Route("contraindication_new", data=lambda c, p, t: about(p, kind="pregnancy", severity="", note="")),
    Route("contraindication_resolve", kind="mania", data=lambda c, p, t: about(p, reason="Never confirmed")),
    Route(
        "exposure_new",
        data=lambda c, p, t: about(
            p, route="iv", count="6", source="Letter", total_mg="210,5", first_on="2025-01-02"
        ),
    ),
    Route(
        "contact_verify",
        about="point",
        data=lambda c, p, t: about(p, version="1", address_again="INES@mail.example"),
    ),
    Route("contact_consent", about="point", get=False, data=lambda c, p, t: {"version": "1"}),
    Route("contact_prefer", about="point", get=False, data=lambda c, p, t: {"version": "1"}),
    Route("contact_opt_out", about="point", get=False),
]


@pytest.fixture(autouse=True)
def _something_to_resolve(clinic, patient):
    services.record_contraindication(patient=patient, kind="mania", by=clinic.clinician)


def rows(patient):
    """Everything the pages may write about the patient, to see whether anything changed."""
    tables = ("contact_points", "contraindications", "prior_exposures")
    return [
        Patient.objects.count(),
        list(Patient.objects.filter(pk=patient.pk).values()),
        *(list(getattr(patient, name).order_by("pk").values()) for name in tables),
    ]


@pytest.mark.parametrize("route", READ + WRITE, ids=repr)
def test_it_works(client, clinic, patient, point, route):
    client.force_login(clinic.coordinator)
    if route.get:
        assert client.get(route.url(patient, point)).status_code == 200
    if route.post:
        answer = client.post(route.url(patient, point), route.data(clinic, patient, point))
        assert answer.status_code == (200 if route in READ else 302)


@pytest.mark.parametrize("route", READ + WRITE, ids=repr)
def test_a_visitor_is_sent_to_sign_in_and_nothing_changes(client, clinic, patient, point, route):
    before = rows(patient)
    for method in ("get", "post") if route.get and route.post else ("get",) if route.get else ("post",):
        answer = getattr(client, method)(route.url(patient, point), route.data(clinic, patient, point))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
    assert rows(patient) == before


@pytest.mark.parametrize("route", READ + WRITE, ids=repr)
def test_a_protocol_admin_may_not(client, clinic, patient, point, route):
    client.force_login(clinic.admin)
    before = rows(patient)
    method = client.post if route.post else client.get
    assert method(route.url(patient, point), route.data(clinic, patient, point)).status_code == 403
    assert rows(patient) == before


@pytest.mark.parametrize("route", WRITE, ids=repr)
def test_a_therapist_reads_but_does_not_write(client, clinic, patient, point, route):
    client.force_login(clinic.therapist)
    before = rows(patient)
    assert client.post(route.url(patient, point), route.data(clinic, patient, point)).status_code == 403
    assert rows(patient) == before


@pytest.mark.parametrize("route", [route for route in READ + WRITE if route.about != "none"], ids=repr)
def test_a_patient_of_another_site_does_not_exist(client, clinic, patient, point, route):
    client.force_login(clinic.outsider)
    before = rows(patient)
    method = client.post if route.post else client.get
    assert method(route.url(patient, point), route.data(clinic, patient, point)).status_code == 404
    assert rows(patient) == before


@pytest.mark.parametrize("route", READ + WRITE, ids=repr)
def test_other_methods_are_refused(client, clinic, patient, point, route):
    client.force_login(clinic.coordinator)
    refused = ["put", "patch", "delete"]
    refused += [] if route.get else ["get"]
    refused += [] if route.post else ["post"]
    for method in refused:
        assert getattr(client, method)(route.url(patient, point)).status_code == 405


BAD = [
    ("patient_new", {"birth_date": "2026-02-30"}, "birth_date"),
    ("patient_new", {"birth_date": "1984-05-17T00:00"}, "birth_date"),
    ("patient_new", {"given_name": NUL}, "given_name"),
    ("patient_new", {"height_cm": "NaN"}, "height_cm"),
    ("patient_new", {"height_cm": "1e400"}, "height_cm"),
    ("patient_new", {"height_cm": "17_0"}, "height_cm"),
    ("patient_new", {"height_cm": "Infinity"}, "height_cm"),
    ("patient_new", {"height_cm": "231"}, "height_cm"),
    ("patient_new", {"time_zone": "Mars/Olympus"}, "time_zone"),
    ("patient_new", {"jurisdiction": "Oregon"}, "jurisdiction"),
    ("patient_new", {"site": "no-uuid"}, "site"),
    ("patient_new", {"sex": ""}, "sex"),
    ("patient_edit", {"mrn": ""}, "mrn"),
    ("patient_edit", {"version": "1.5"}, "version"),
    ("patient_edit", {"version": ""}, "version"),
    ("patient_team", {"therapist": "nobody"}, "therapist"),
    ("patient_status", {"status": "gone"}, "status"),
    ("contact_new", {"address": "12"}, "address"),
    ("contact_new", {"channel": "pigeon"}, "channel"),
    ("contact_new", {"address": NUL}, "address"),
    ("quiet_hours_edit", {"quiet_from": "22:00"}, "quiet_from"),
    ("quiet_hours_edit", {"quiet_until": "25:00"}, "quiet_until"),
    ("contraindication_new", {"kind": "bad aura"}, "kind"),
    ("contraindication_new", {"note": NUL}, "note"),
    ("contraindication_resolve", {"reason": ""}, "reason"),
    ("exposure_new", {"count": "1e3"}, "count"),
    ("exposure_new", {"count": "9" * 30}, "count"),
    ("exposure_new", {"total_mg": "-1"}, "total_mg"),
    ("exposure_new", {"last_on": "2025-01-01"}, "last_on"),
    ("contact_verify", {"address_again": "someone@mail.example"}, "address_again"),
]


@pytest.mark.parametrize(("name", "over", "field"), BAD)
def test_bad_input_names_its_field_and_changes_nothing(client, clinic, patient, point, name, over, field):
    client.force_login(clinic.coordinator)
    route = next(route for route in WRITE if route.name == name)
    before = rows(patient)
    answer = client.post(route.url(patient, point), route.data(clinic, patient, point) | over)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "Error: " in answer.content.decode()
    assert rows(patient) == before


@pytest.mark.parametrize("route", WRITE, ids=repr)
def test_the_same_post_twice_does_it_once(client, clinic, patient, point, route):
    client.force_login(clinic.coordinator)
    data = route.data(clinic, patient, point)
    assert client.post(route.url(patient, point), data).status_code == 302
    once = rows(patient)
    assert client.post(route.url(patient, point), data).status_code in (302, 404, 409, 412, 422)
    assert rows(patient) == once


def test_one_button_acts_need_the_version_of_the_page(client, clinic, patient, point):
    client.force_login(clinic.coordinator)
    assert client.post(reverse("contact_consent", args=[point.code])).status_code == 400
    assert client.post(reverse("contact_consent", args=[point.code]), {"version": "7"}).status_code == 412
    point.refresh_from_db()
    assert point.consented_at is None


def test_a_form_of_another_patient_is_refused(client, clinic, patient):
    client.force_login(clinic.coordinator)
    url = reverse("patient_edit", args=[clinic.patient.code])
    answer = client.post(url, identity(patient, given_name="Wrong"))
    assert answer.status_code == 409
    assert not Patient.objects.filter(given_name="Wrong").exists()


def test_a_similar_name_is_shown_and_confirmed(client, clinic, patient):
    client.force_login(clinic.coordinator)
    url = reverse("patient_new")
    data = new_patient(clinic, given_name="Inès", family_name="Oyelaran")
    answer = client.post(url, data)
    assert answer.status_code == 422
    assert [item.pk for item in answer.context["form"].similar] == [patient.pk]
    assert "RC-77" in answer.content.decode()
    assert client.post(url, data | {"confirm_different": "on"}).status_code == 302
    assert Patient.objects.filter(mrn="RC-0001").exists()


def test_the_record_says_that_a_similar_name_is_on_file(client, clinic, patient):
    other = make_patient(clinic.site, given_name="Inez", family_name="Oyelaran", mrn="RC-78")
    client.force_login(clinic.nurse)
    page = client.get(reverse("patient_detail", args=[patient.code])).content.decode()
    assert "Similar name on file" in page
    assert str(other.code) in page


def test_a_search_stays_in_the_body_and_answers_htmx_with_a_fragment(client, clinic, patient):
    client.force_login(clinic.nurse)
    answer = client.post(reverse("patient_list"), {"q": "oyelaran"}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert "<html" not in page
    assert "Oyelaran, Ines" in page
    assert client.get(reverse("patient_list") + "?q=oyelaran").context.get("searched") is None
    refused = client.post(reverse("patient_list"), {"q": NUL}, headers={"HX-Request": "true"})
    assert refused.status_code == 422


def test_the_list_shows_active_patients_first_and_pages_them(client, clinic, patient):
    services.set_status(patient=patient, status="inactive", by=clinic.nurse)
    client.force_login(clinic.nurse)
    assert "Oyelaran" not in client.get(reverse("patient_list")).content.decode()
    assert "Oyelaran" in client.get(reverse("patient_list") + "?status=inactive").content.decode()
    assert client.get(reverse("patient_list") + "?status=%27&page=x").status_code == 200


def test_titles_and_addresses_hold_no_name(client, clinic, patient, point):
    client.force_login(clinic.coordinator)
    for route in READ + WRITE:
        if route.get:
            page = client.get(route.url(patient, point)).content.decode()
            title = page.split("<title>")[1].split("</title>")[0]
            assert "Oyelaran" not in title
            assert "Ines" not in title


def test_what_people_type_is_shown_as_text(client, clinic, patient):
    nasty = "<img src=x onerror=alert(1)>"
    services.update_patient(
        patient=patient, changes={"family_name": nasty}, expected_version=1, by=clinic.nurse
    )
    services.record_contraindication(patient=patient, kind="other", note=nasty, by=clinic.clinician)
    client.force_login(clinic.coordinator)
    for name, codes in (("patient_detail", [patient.code]), ("patient_list", [])):
        assert nasty not in client.get(reverse(name, args=codes)).content.decode()


def queries(client, url):
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


def test_the_list_needs_the_same_queries_for_one_row_and_three(client, clinic, patient):
    services.set_status(patient=patient, status="inactive", by=clinic.nurse)
    client.force_login(clinic.coordinator)
    url = reverse("patient_list")
    client.get(url)
    for_one = queries(client, url)
    for _ in range(2):
        make_patient(clinic.site, therapist=clinic.other_therapist, prescriber=clinic.clinician)
    assert queries(client, url) == for_one <= 12


def test_the_record_needs_the_same_queries_for_one_row_and_three(client, clinic, patient):
    def add(number):
        services.add_contact_point(
            patient=patient, channel="sms", address=f"503 555 014{number}", by=clinic.nurse
        )
        services.record_prior_exposure(
            patient=patient, route="iv", count=number, source="Letter", by=clinic.nurse
        )
        services.record_contraindication(
            patient=patient, kind=("pregnancy", "delirium", "other")[number - 1], note="x", by=clinic.nurse
        )

    client.force_login(clinic.coordinator)
    url = reverse("patient_detail", args=[patient.code])
    add(1)
    client.get(url)
    for_one = queries(client, url)
    add(2)
    add(3)
    assert queries(client, url) == for_one <= 18


def test_an_address_of_two_patients_is_pointed_out(client, clinic, patient, point):
    make_contact(clinic.patient, "ines@mail.example", channel="sms", preferred=False)
    client.force_login(clinic.nurse)
    page = client.get(reverse("patient_detail", args=[patient.code])).content.decode()
    assert "Also on file for another patient" in page


def test_every_row_of_a_patient_can_be_seen_after_the_acts(client, clinic, patient, point):
    client.force_login(clinic.coordinator)
    for name in ("exposure_new", "contraindication_new", "contact_verify", "contact_consent"):
        route = next(route for route in WRITE if route.name == name)
        data = route.data(clinic, patient, point) | ({"version": "2"} if name == "contact_consent" else {})
        assert client.post(route.url(patient, point), data).status_code == 302
    page = client.get(reverse("patient_detail", args=[patient.code])).content.decode()
    for words in ("210.5 mg", "Pregnancy", "ines@mail.example", "In use"):
        assert words in page
    assert PriorExposure.objects.get(patient=patient).first_on.isoformat() == "2025-01-02"
    assert ContactPoint.objects.get(pk=point.pk).usable


def test_an_interpreter_that_is_needed_stands_on_every_page_about_the_patient(client, clinic):
    update_patient(
        patient=clinic.patient,
        changes={"interpreter": "  Turkish "},
        expected_version=None,
        by=clinic.coordinator,
    )
    client.force_login(clinic.coordinator)
    for url in (
        reverse("patient_detail", args=[clinic.patient.code]),
        reverse("series_plan", args=[clinic.patient.code]),
        reverse("consent_new", args=[clinic.patient.code]),
    ):
        if url.endswith("/consents/new/"):
            client.force_login(clinic.nurse)
        assert "Interpreter: Turkish" in client.get(url).content.decode(), url
