"""Patients and future visits from a spreadsheet: dry run, all or none, patient by patient; page, API and command."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from patients.models import Patient
from scheduling.models import Appointment, TreatmentSeries
from scheduling.services.imports import import_bookings
from sessions.models import EligibilitySignOff
from staff.errors import NotAllowed
from tests import factories

pytestmark = pytest.mark.django_db
HEAD = "mrn,family_name,given_name,birth_date,sex,protocol,weight_kg,infusion,start,chair\n"
ASH = "A1,Ash,Mina,1984-05-17,F,single-infusion,70,1,2026-03-05 09:00,Chair 1\n"
OAK = "B1,Oak,Lee,1990-01-01,M,single-infusion,80,1,2026-03-05 13:00,Chair 1\n"
ELM = "C1,Elm,Ola,1991-01-01,M,,,,,\n"
TAKEN = OAK.replace("13:00", "10:00")
URL = "/import/"


@pytest.fixture(autouse=True)
def single(clinic):
    clinic.clinician.set_password("a-long-password")
    clinic.clinician.save()
    return factories.make_version("single-infusion", author=clinic.admin)


def confirm(client):
    client.post(reverse("account_reauthenticate"), {"password": "a-long-password"})


def run(clinic, text, **over):
    facts = {"site": clinic.site, "raw": (HEAD + text).encode(), "by": clinic.clinician, "dry_run": False}
    facts["eligible"] = True
    return import_bookings(**(facts | over))


def nothing_new(clinic):
    assert not Patient.objects.exclude(pk=clinic.patient.pk).exists()
    assert not TreatmentSeries.objects.exists()
    assert not Appointment.objects.exists()


class TestTheService:
    def test_a_dry_run_counts_and_writes_nothing(self, clinic):
        report = run(clinic, ASH + OAK + ELM, dry_run=True)
        counted = (
            report.rows,
            report.new_patients,
            report.series,
            report.visits,
            report.problems,
            report.written,
        )
        assert counted == (3, 3, 2, 2, [], False)
        nothing_new(clinic)

    def test_it_registers_and_books_by_the_same_services(self, clinic):
        assert run(clinic, ASH + OAK + ELM).written
        visit = Appointment.objects.get(patient__mrn="A1")
        assert (visit.status, visit.booked_by) == ("booked", clinic.clinician)
        assert visit.resource_bookings.filter(resource=clinic.chairs[0]).exists()
        again = run(clinic, ASH, dry_run=True)
        assert (again.new_patients, again.series) == (0, 0)
        assert "active series" in again.problems[0].message

    def test_all_or_none_when_two_rows_clash_inside_the_file(self, clinic):
        report = run(clinic, ASH + TAKEN + ELM)
        (problem,) = report.problems
        assert (problem.row, problem.column) == (3, "chair")
        assert "Chair 1 is taken" in problem.message
        assert not report.written
        nothing_new(clinic)

    def test_patient_by_patient_leaves_out_whole_patients(self, clinic):
        report = run(clinic, ASH + TAKEN + ELM, together=False)
        assert report.written
        assert sorted(Patient.objects.values_list("mrn", flat=True)) == sorted(
            [clinic.patient.mrn, "A1", "C1"]
        )
        assert (report.new_patients, report.series) == (2, 1)

    def test_refusals_of_the_rules_stand_at_their_cells(self, clinic):
        Patient.objects.filter(pk=clinic.patient.pk).update(mrn="D1", family_name="Known")
        factories.make_patient(clinic.site, family_name="Rowan", given_name="Ida", birth_date="1970-01-01")
        rows = [
            ASH.replace("2026-03-05", "2026-01-05"),
            OAK.replace("Chair 1", "Chair 77"),
            ELM.replace(",,,,,", ",no-such,70,1,2026-03-06 09:00,"),
            "D1,Other,Alex,1984-05-17,F,,,,,\n",
            "E1,Rowan,Ida,1970-01-01,F,,,,,\n",
            "F1,Fir,Eva,1970-01-01,F,six-in-three-weeks,70,1,2026-03-09 09:00,\n",
        ]
        report = run(clinic, "".join(rows))
        found = {(item.row, item.column) for item in report.problems}
        assert found == {
            (2, "start"), (3, "chair"), (4, "protocol"), (5, "family_name"), (6, "other_person"), (7, "infusion"),
        }  # fmt: skip

    def test_a_series_needs_the_signed_eligibility_checklist(self, clinic):
        report = run(clinic, ASH + ELM, by=clinic.coordinator, eligible=False)
        (problem,) = report.problems
        assert problem.row == 2
        assert "eligibility checklist" in problem.message
        with pytest.raises(NotAllowed):
            run(clinic, ASH, by=clinic.coordinator, eligible=True)
        nothing_new(clinic)

    def test_only_who_may_register_and_book_there(self, clinic):
        for person in (clinic.therapist, clinic.nurse, clinic.admin, clinic.outsider):
            with pytest.raises(NotAllowed):
                run(clinic, ASH, by=person)
        nothing_new(clinic)


class TestThePage:
    @pytest.fixture
    def client(self, clinic):
        found = Client()
        found.force_login(clinic.clinician)
        confirm(found)
        return found

    def check(self, client, text, **over):
        upload = SimpleUploadedFile("visits.csv", (HEAD + text).encode(), "text/csv")
        return client.post(URL, {"file": upload, "together": "all", "eligible": "on", "act": "check"} | over)

    def test_check_then_import_then_the_same_again(self, clinic, client):
        assert client.get(URL).status_code == 200
        shown = self.check(client, ASH + ELM)
        assert "Every row is right." in shown.content.decode()
        nothing_new(clinic)
        data = {
            "text": shown.context["text"], "together": "all", "act": "import", "eligible": "on", "token": shown.context["token"],
        }  # fmt: skip
        late = Client()
        late.force_login(clinic.clinician)
        refused = late.post(URL, data)
        assert refused.status_code == 403
        assert "needs your password" in refused.content.decode()
        nothing_new(clinic)
        assert client.post(URL, data).status_code == 302
        assert Appointment.objects.count() == 1
        (signed,) = EligibilitySignOff.objects.filter(patient__mrn="A1")
        assert (signed.signed_by, signed.withdrawn_at) == (clinic.clinician, None)
        client.post(URL, data)
        assert (Appointment.objects.count(), Patient.objects.count()) == (1, 3)

    def test_problems_are_listed_by_row_and_nothing_can_be_imported(self, clinic, client):
        shown = self.check(client, ASH + TAKEN)
        text = shown.content.decode()
        assert "Chair 1 is taken" in text
        assert 'value="import"' not in text
        assert 'value="import"' in self.check(client, ASH + TAKEN, together="each").content.decode()
        nothing_new(clinic)

    @pytest.mark.parametrize("raw", [b"", b"\xff\xfea", b"PK\x03\x04", b"a,b\n1,2\n", b'mrn,"x', b"\0"])
    def test_rubbish_is_refused_at_the_file(self, clinic, client, raw):
        answer = client.post(
            URL, {"file": SimpleUploadedFile("x.csv", raw), "together": "all", "act": "check"}
        )
        assert answer.status_code in (400, 422)
        assert answer.context["form"].errors
        nothing_new(clinic)

    def test_others_are_refused(self, clinic):
        assert Client().get(URL).status_code == 302
        for person in (clinic.therapist, clinic.nurse, clinic.admin):
            client = Client()
            client.force_login(person)
            assert client.get(URL).status_code == 403
            assert client.post(URL, {"act": "import", "text": HEAD + ASH}).status_code == 403
        client.force_login(clinic.coordinator)
        assert client.put(URL).status_code == 405
        nothing_new(clinic)


def test_the_api_checks_and_imports_once_per_key(clinic):
    client = APIClient()
    client.force_login(clinic.clinician)
    body = {"site": str(clinic.site.code), "csv": HEAD + ASH, "eligible": True}
    dry = client.post("/api/v1/imports/", body, format="json", HTTP_IDEMPOTENCY_KEY="import-dry-1")
    assert (dry.status_code, dry.json()["visits"], dry.json()["written"]) == (200, 1, False)
    unsigned = client.post(
        "/api/v1/imports/", body | {"dry_run": False}, format="json", HTTP_IDEMPOTENCY_KEY="import-0"
    )
    assert unsigned.status_code == 403, "signing asks for the password again"
    confirm(client)
    for _ in range(2):
        done = client.post(
            "/api/v1/imports/", body | {"dry_run": False}, format="json", HTTP_IDEMPOTENCY_KEY="import-1"
        )
        assert done.status_code == 201
    assert Appointment.objects.count() == 1
    wrong = {"site": str(clinic.patient.code), "csv": HEAD + ASH}
    answer = client.post("/api/v1/imports/", wrong, format="json", HTTP_IDEMPOTENCY_KEY="import-2")
    assert answer.status_code == 400


def test_the_command_reports_as_json_and_writes_only_when_told(clinic, tmp_path, monkeypatch):
    path = tmp_path / "visits.csv"
    path.write_text(HEAD + ASH, encoding="utf-8")
    options = [
        "import_bookings",
        str(path),
        "--site",
        clinic.site.short_name,
        "--by",
        clinic.clinician.email,
        "--eligible",
    ]
    monkeypatch.setattr("getpass.getpass", lambda words: "guessed")
    with pytest.raises(SystemExit) as caught:
        call_command(*options, "--write", stdout=io.StringIO(), stderr=io.StringIO())
    assert caught.value.code == 2
    nothing_new(clinic)
    monkeypatch.setattr("getpass.getpass", lambda words: "a-long-password")
    for extra, written in (([], False), (["--write"], True)):
        out = io.StringIO()
        with redirect_stdout(out):
            call_command(*options, *extra, stdout=out, stderr=io.StringIO())
        assert json.loads(out.getvalue())["written"] is written
    with pytest.raises(SystemExit) as caught:
        call_command(*options, stdout=io.StringIO(), stderr=io.StringIO())
    assert caught.value.code == 1, "on file and booked already"
    with pytest.raises(SystemExit) as caught:
        call_command("import_bookings", str(path), "--site", "Nowhere", "--by", "x", stderr=io.StringIO())
    assert caught.value.code == 2
    assert reverse("booking_import") == URL
