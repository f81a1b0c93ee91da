"""/api/v1/patients/ and /contact-points/: the same rules as the pages, and strict JSON."""

import json

import pytest

from patients import services
from patients.models import ContactPoint, Patient
from tests.factories import make_contact, make_patient, make_site

PATIENTS = "/api/v1/patients/"
POINTS = "/api/v1/contact-points/"


def body(clinic, **over):
    fields = {
        "site": str(clinic.site.code),
        "mrn": "RC-0001",
        "given_name": "Mara",
        "family_name": "Ellison",
        "birth_date": "1984-05-17",
        "sex": "F",
        "height_cm": 171.5,
    }
    return fields | over


def send(client, method, url, data, **headers):
    text = data if isinstance(data, str) else json.dumps(data)
    return getattr(client, method)(url, data=text, content_type="application/json", headers=headers)


@pytest.fixture
def patient(clinic):
    return make_patient(clinic.site, given_name="Ines", family_name="Oyelaran", mrn="RC-77")


@pytest.fixture
def coordinator(client, clinic):
    client.force_login(clinic.coordinator)
    return client


def test_a_patient_is_created_read_and_changed(coordinator, clinic):
    made = send(coordinator, "post", PATIENTS, body(clinic))
    assert made.status_code == 201
    code = made.json()["code"]
    assert made["ETag"] == f'"{code}.1"'
    read = coordinator.get(f"{PATIENTS}{code}/")
    assert read.json() == made.json()
    changed = send(coordinator, "patch", f"{PATIENTS}{code}/", {"height_cm": "172"}, if_match=read["ETag"])
    assert changed.status_code == 200
    assert (changed.json()["height_cm"], changed.json()["version"]) == ("172.0", 2)
    assert changed["ETag"] == f'"{code}.2"'


def test_a_change_needs_the_etag_that_was_read(coordinator, patient):
    url = f"{PATIENTS}{patient.code}/"
    assert send(coordinator, "patch", url, {"given_name": "X"}).status_code == 428
    assert send(coordinator, "patch", url, {"given_name": "X"}, if_match='"x.1"').status_code == 412
    stale = send(coordinator, "patch", url, {"given_name": "X"}, if_match=f'"{patient.code}.7"')
    assert stale.status_code == 412
    assert stale["Content-Type"] == "application/problem+json"
    patient.refresh_from_db()
    assert patient.given_name == "Ines"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ('{"mrn": "A", "mrn": "B"}', 400),
        ('{"height_cm": NaN}', 400),
        ('{"height_cm": 1e400}', 400),
        ("[" * 2000 + "]" * 2000, 400),
        ('{"given_name": "a\\u0000b"}', 400),
        ('{"given_name": "\\ud800"}', 400),
        ("[]", 400),
        ("{", 400),
        ('"text"', 400),
        ("", 400),
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(coordinator, clinic, raw, status):
    before = Patient.objects.count()
    answer = send(coordinator, "post", PATIENTS, raw)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert Patient.objects.count() == before


@pytest.mark.parametrize(
    ("over", "pointer"),
    [
        ({"height_cm": True}, "/height_cm"),
        ({"height_cm": "17_0"}, "/height_cm"),
        ({"height_cm": "Infinity"}, "/height_cm"),
        ({"height_cm": 1e30}, "/height_cm"),
        ({"given_name": 7}, "/given_name"),
        ({"birth_date": "1984-05-17T00:00:00"}, "/birth_date"),
        ({"birth_date": "2030-01-01"}, "/birth_date"),
        ({"sex": True}, "/sex"),
        ({"site": "nowhere"}, "/site"),
        ({"site": "11111111-1111-4111-8111-111111111111"}, "/site"),
        ({"therapist": "11111111-1111-4111-8111-111111111111"}, "/therapist"),
        ({"confirm_different": "yes"}, "/confirm_different"),
        ({"version": 3}, "/version"),
        ({"status": "deceased"}, "/status"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "/created_at"),
    ],
)
def test_a_bad_or_unknown_key_is_named(coordinator, clinic, over, pointer):
    before = Patient.objects.count()
    answer = send(coordinator, "post", PATIENTS, body(clinic, **over))
    assert answer.status_code == 400
    assert pointer in [item["pointer"] for item in answer.json()["errors"]]
    assert Patient.objects.count() == before


def test_the_same_post_twice_makes_one_patient(coordinator, clinic):
    assert send(coordinator, "post", PATIENTS, body(clinic)).status_code == 201
    again = send(coordinator, "post", PATIENTS, body(clinic, confirm_different=True))
    assert (again.status_code, again.json()["type"]) == (409, "/problems/mrn-in-use")
    alike = send(coordinator, "post", PATIENTS, body(clinic, mrn="RC-2"))
    assert (alike.status_code, alike.json()["type"]) == (422, "/problems/similar-patient")
    assert Patient.objects.filter(family_name="Ellison").count() == 1


def test_roles_and_scope(client, clinic, patient):
    url = f"{PATIENTS}{patient.code}/"
    assert client.get(PATIENTS).status_code in (401, 403)
    for user, listed, read in [
        (clinic.admin, 403, 403),
        (clinic.outsider, 200, 404),
        (clinic.therapist, 200, 200),
        (clinic.nurse, 200, 200),
    ]:
        client.force_login(user)
        assert client.get(PATIENTS).status_code == listed
        assert client.get(url).status_code == read
    client.force_login(clinic.therapist)
    assert send(client, "post", PATIENTS, body(clinic)).status_code == 403
    assert send(client, "patch", url, {"mrn": "X"}, if_match=f'"{patient.code}.1"').status_code == 403
    client.force_login(clinic.outsider)
    assert send(client, "patch", url, {"mrn": "X"}, if_match=f'"{patient.code}.1"').status_code == 404
    assert str(patient.code) not in client.get(PATIENTS).content.decode()


def test_there_is_no_delete_and_a_malformed_code_is_not_found(coordinator, patient):
    assert coordinator.delete(f"{PATIENTS}{patient.code}/").status_code == 405
    assert coordinator.put(f"{PATIENTS}{patient.code}/").status_code == 405
    assert coordinator.get(f"{PATIENTS}{'-' * 36}/").status_code == 404
    assert coordinator.get(f"{PATIENTS}{patient.pk}/").status_code == 404


def test_search_and_filters(coordinator, clinic, patient):
    found = send(coordinator, "post", f"{PATIENTS}search/", {"q": "oyelaran"}).json()["results"]
    assert [item["code"] for item in found] == [str(patient.code)]
    unassigned = coordinator.get(f"{PATIENTS}?unassigned=true").json()["results"]
    assert [item["code"] for item in unassigned] == [str(patient.code)]
    assigned = coordinator.get(f"{PATIENTS}?therapist={clinic.therapist.code}").json()["results"]
    assert [item["code"] for item in assigned] == [str(clinic.patient.code)]
    assert coordinator.get(f"{PATIENTS}?status=gone").status_code == 400
    assert coordinator.get(f"{PATIENTS}?site=x").status_code == 400
    assert send(coordinator, "post", f"{PATIENTS}search/", {"q": ""}).status_code == 400


def test_team_and_status_are_acts_with_a_precondition(coordinator, clinic, patient):
    url = f"{PATIENTS}{patient.code}/"
    team = {"therapist": str(clinic.therapist.code), "prescriber": None}
    assert send(coordinator, "post", f"{url}team/", team).status_code == 428
    done = send(coordinator, "post", f"{url}team/", team, if_match=f'"{patient.code}.1"')
    assert done.json()["therapist"] == str(clinic.therapist.code)
    wrong = {"therapist": str(clinic.nurse.code), "prescriber": None}
    refused = send(coordinator, "post", f"{url}team/", wrong, if_match=done["ETag"])
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/wrong-person")
    gone = send(coordinator, "post", f"{url}status/", {"status": "inactive"}, if_match=done["ETag"])
    assert gone.json()["status"] == "inactive"


def test_contact_points_from_file_to_opt_out(coordinator, clinic, patient):
    new = {"patient": str(patient.code), "channel": "sms", "address": "503 555 0142"}
    made = send(coordinator, "post", POINTS, new)
    assert (made.status_code, made.json()["address"], made.json()["usable"]) == (201, "+15035550142", False)
    assert send(coordinator, "post", POINTS, new).status_code == 409
    url = f"{POINTS}{made.json()['code']}/"
    again = {"address_again": "503-555-0142"}
    assert send(coordinator, "post", f"{url}verify/", again).status_code == 428
    verified = send(coordinator, "post", f"{url}verify/", again, if_match=made["ETag"])
    agreed = send(coordinator, "post", f"{url}consent/", {}, if_match=verified["ETag"])
    assert agreed.json()["usable"]
    assert send(coordinator, "post", f"{url}opt-out/", {}).json()["usable"] is False
    assert (
        send(coordinator, "post", f"{url}prefer/", {}, if_match=f'"{made.json()["code"]}.4"').status_code
        == 409
    )
    listed = coordinator.get(f"{POINTS}?patient={patient.code}").json()["results"]
    assert [item["code"] for item in listed] == [made.json()["code"]]


def test_a_contact_point_of_another_site_does_not_exist(client, clinic, patient):
    point = make_contact(patient, consented_at=None)
    client.force_login(clinic.outsider)
    url = f"{POINTS}{point.code}/"
    assert client.get(url).status_code == 404
    assert send(client, "post", f"{url}consent/", {}, if_match=f'"{point.code}.1"').status_code == 404
    new = {"patient": str(patient.code), "channel": "email", "address": "x@mail.example"}
    assert send(client, "post", POINTS, new).status_code == 404
    assert ContactPoint.objects.filter(patient=patient).count() == 1
    assert ContactPoint.objects.get(pk=point.pk).consented_at is None


@pytest.mark.parametrize("count", [1, 3])
def test_lists_need_the_same_queries_for_one_row_and_three(
    coordinator, clinic, django_assert_num_queries, count
):
    for number in range(count - 1):
        services.create_patient(
            site=clinic.site, by=clinic.nurse, confirm_different=True, therapist=clinic.therapist,
            mrn=f"N{number}", given_name="A", family_name="B", birth_date=clinic.patient.birth_date, sex="F",
        )  # fmt: skip
    coordinator.get(PATIENTS)
    with django_assert_num_queries(7):
        assert len(coordinator.get(PATIENTS).json()["results"]) == count


class TestTheTimeBefore:
    """Earlier treatment and contraindications: as on their pages, and nothing counts double."""

    EARLIER = {"route": "iv", "count": 3, "last_on": "2026-02-20", "total_mg": "105.0", "source": "Letter"}

    def test_earlier_treatment_is_recorded_once_and_read(self, coordinator, patient):
        url = f"{PATIENTS}{patient.code}/prior-exposures/"
        made = send(coordinator, "post", url, self.EARLIER)
        assert made.status_code == 201, made.content
        assert send(coordinator, "post", url, self.EARLIER).status_code == 409
        assert coordinator.get(url).json() == [made.json()]
        assert (made.json()["count"], made.json()["first_on"]) == (3, None)

    @pytest.mark.parametrize(
        "over",
        [{"route": "nose"}, {"count": 0}, {"count": 2.5}, {"last_on": "2027-01-01"}, {"first_on": "2026-02-21"},
         {"total_mg": "-1"}, {"source": " "}, {"more": 1}],
    )  # fmt: skip
    def test_what_cannot_be_is_refused_and_nothing_is_kept(self, coordinator, patient, over):
        answer = send(coordinator, "post", f"{PATIENTS}{patient.code}/prior-exposures/", self.EARLIER | over)
        assert answer.status_code in (400, 422)
        assert answer["Content-Type"] == "application/problem+json"
        assert not patient.prior_exposures.exists()

    def test_a_contraindication_is_recorded_and_closed_with_a_reason(self, coordinator, patient):
        url = f"{PATIENTS}{patient.code}/contraindications/"
        made = send(coordinator, "post", url, {"kind": "bipolar_disorder"})
        assert (made.status_code, made.json()["severity"]) == (201, "caution")
        assert send(coordinator, "post", url, {"kind": "bipolar_disorder"}).status_code == 409
        close = f"{url}bipolar_disorder/resolve/"
        assert send(coordinator, "post", close, {"reason": ""}).status_code == 400
        closed = send(coordinator, "post", close, {"reason": "Ruled out by the specialist"})
        assert closed.status_code == 200
        assert closed.json()["resolved_at"]
        assert send(coordinator, "post", close, {"reason": "Again"}).status_code == 404
        assert [row["kind"] for row in coordinator.get(url).json()] == ["bipolar_disorder"]

    def test_who_may_not_edit_or_does_not_see_the_patient(self, client, clinic, patient):
        client.force_login(clinic.therapist)
        hidden = make_patient(make_site(), given_name="Ada", family_name="Unseen", mrn="RC-78")
        for tail in ("prior-exposures", "contraindications"):
            assert send(client, "post", f"{PATIENTS}{patient.code}/{tail}/", self.EARLIER).status_code == 403
            assert client.get(f"{PATIENTS}{hidden.code}/{tail}/").status_code == 404
        assert not patient.prior_exposures.exists()
