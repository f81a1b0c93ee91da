"""`plan_clinic` does what the page does: the run is there, its result on stdout, and nothing is booked."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from scheduling.models import Appointment, ClinicPlanRun
from tests import factories

pytestmark = pytest.mark.django_db


def run(clinic, *patients, **over):
    options = {
        "site": clinic.site.short_name, "protocol": "six-in-three-weeks", "first_day": "2026-03-05",
        "by": clinic.coordinator.email, "seconds": 1,
    }  # fmt: skip
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("plan_clinic", *patients, stdout=out, stderr=err, **(options | over))
    return caught.value.code, out.getvalue(), err.getvalue()


def test_two_patients_are_planned_and_the_run_waits_on_the_page(clinic):
    other = factories.make_patient(clinic.site)
    code, out, err = run(clinic, f"{clinic.patient.mrn}:70", f"{other.mrn}:82.5:3")
    data = json.loads(out)
    assert (code, data["placed"], data["state"]) == (0, 2, "done")
    assert [len(item["visits"]) for item in data["patients"]] == [6, 6]
    assert data["cost"] >= data["bound"] >= 0
    assert "planned, cost" in err
    row = ClinicPlanRun.objects.get()
    assert (str(row.code), row.requested_by) == (data["run"], clinic.coordinator)
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    "over",
    [{"protocol": "none"}, {"by": "nobody@clinic.example"}, {"first_day": "2026-13-01"}, {"seconds": 0}],
)
def test_what_cannot_be_started_says_why_and_writes_nothing(clinic, over):
    code, out, err = run(clinic, f"{clinic.patient.mrn}:70", **over)
    assert (code, out) == (2, "")
    assert err
    assert not ClinicPlanRun.objects.exists()


@pytest.mark.parametrize("text", ["NOBODY:70", "{mrn}", "{mrn}:7_0", "{mrn}:70:9"])
def test_a_patient_that_cannot_be_read(clinic, text):
    code, out, err = run(clinic, text.format(mrn=clinic.patient.mrn))
    assert (code, out) == (2, "")
    assert err
