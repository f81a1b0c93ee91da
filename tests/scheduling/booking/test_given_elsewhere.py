"""Three of six infusions were given elsewhere: the next one is infusion 4 of 6, and not before the minimum gap from a day
whose hour nobody knows (clinic-day 38). By service, page, API and spreadsheet; at the chair, too.
"""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from patients.services import record_prior_exposure
from scheduling.booking_pages import series_rows, title_of
from scheduling.domain.localtime import local_date
from scheduling.loaders_gates import load_gates
from scheduling.models import Appointment, TreatmentSeries, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import visits as visit_service
from scheduling.services.cascade import propose_replan
from scheduling.services.course_reviews import review_series
from scheduling.services.imports import import_bookings
from scheduling.services.long_gaps import approve_long_gap
from scheduling.services.more_visits import rebook_visit
from scheduling.services.proposals import propose_series
from scheduling.services.review_items import due_review, point_lines
from scheduling.services.visit_options import visit_options
from scheduling.services.waitlist_entries import add_entry
from sessions.services.before_start import findings_before_start
from staff.errors import InvalidInput, RuleNotMet
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, choice, local, six, visits_of
from tests.scheduling.booking.pages import plan_data, plan_url, shown, signed_in
from tests.scheduling.booking.steps import arrive, prepare
from tests.scheduling.booking.test_api import caller, key
from tests.scheduling.booking.test_before_giving import GOES_ON

LA = ZoneInfo("America/Los_Angeles")


def on_record(clinic, count=3, last=date(2026, 3, 1), **over):
    facts = {"route": "iv", "source": "Letter of the other clinic", "by": clinic.nurse, "last_on": last}
    return record_prior_exposure(patient=clinic.patient, count=count, **(facts | over))


def last_three(clinic):
    """Infusions 4 to 6, Thursday 5, Monday 9 and Thursday 12 March."""
    return [choice(clinic, n, item.start) for n, item in zip((4, 5, 6), six(clinic), strict=False)]


@pytest.mark.django_db
class TestTheSeries:
    def test_it_goes_on_with_the_next_number_to_its_end(self, clinic):
        on_record(clinic)
        series = book(clinic, visits=last_three(clinic))
        assert (series.visits, series.first_ordinal, series.given_elsewhere) == (6, 4, 3)
        rows = visits_of(series)
        assert [title_of(row) for row in rows] == [f"Infusion visit {n} of 6" for n in (4, 5, 6)]
        assert [row.ordinal for row in series_rows(series, rows, clinic.now)] == [4, 5, 6]
        assert check_schedule(clinic.now) == []
        for row in rows:
            visit_service.omit_visit(appointment=row, by=clinic.clinician, reason="responded")
        series.refresh_from_db()
        assert series.status not in TreatmentSeries.LIVE, "nothing is left to give"

    @pytest.mark.parametrize(
        ("given", "numbers", "code"),
        [
            (0, (4, 5, 6), "given-elsewhere"),
            (2, (4, 5, 6), "given-elsewhere"),
            (3, (4, 6), "visits"),
            (3, (4, 5), "visits"),
            (3, (4, 5, 6, 7), "visits"),
            (9, (7,), "visits"),
        ],
    )
    def test_what_is_not_on_record_or_has_a_hole_is_not_booked(self, clinic, given, numbers, code):
        if given:
            on_record(clinic, given)
        rows = [choice(clinic, n, item.start) for n, item in zip(numbers, six(clinic), strict=False)]
        with pytest.raises((InvalidInput, RuleNotMet)) as refusal:
            book(clinic, visits=rows)
        assert refusal.value.code == code
        assert not TreatmentSeries.objects.exists()

    def test_who_has_been_treated_elsewhere_may_begin_with_one_all_the_same(self, clinic):
        on_record(clinic, 6, date(2019, 5, 1))
        assert book(clinic).numbers == range(1, 7)

    def test_refusals_count_from_the_first_visit_that_is_asked_for(self, clinic):
        on_record(clinic)
        rows = last_three(clinic)
        rows[1] = choice(clinic, 5, rows[0].start + timedelta(hours=20))
        with pytest.raises(RuleNotMet, match="5 of 6: ") as refusal:
            book(clinic, visits=rows)
        assert refusal.value.field == "visits.1.start"

    def test_infusions_given_elsewhere_are_nobodys_item_and_get_no_date(self, clinic):
        on_record(clinic)
        series = book(clinic, visits=last_three(clinic))
        wrong = choice(clinic, 3, local(clinic, 16))
        for act in (
            lambda: rebook_visit(series=series, choice=wrong, by=clinic.coordinator),
            lambda: add_entry(series=series, ordinal=3, by=clinic.coordinator),
            lambda: approve_long_gap(
                series=series, ordinal=4, max_hours=120, reason="Travel", by=clinic.clinician
            ),
        ):
            with pytest.raises(InvalidInput):
                act()
        assert not WorkItem.objects.filter(key__startswith="undated:").exists()

    def test_the_review_after_the_third_waits_before_the_first_one_here(self, clinic):
        on_record(clinic)
        series = book(clinic, visits=last_three(clinic))
        due = due_review(series)
        assert (due.after, due.before) == (3, visits_of(series)[0].during.lower)
        assert [(line.after, line.state) for line in point_lines(series)] == [(3, "due"), (6, "ahead")]
        review_series(series=series, after=3, findings=GOES_ON, by=clinic.clinician)
        assert due_review(series) is None

    def test_the_preparation_visit_comes_before_the_first_infusion_here(self, clinic):
        on_record(clinic)
        rows = visits_of(book(clinic, visits=last_three(clinic)))
        asked = [
            [line.gate.key for line in found.lines if line.gate.key == "preparation"]
            for found in load_gates(rows, clinic.now)
        ]
        assert asked == [["preparation"], [], []]


@pytest.mark.django_db
class TestTheGap:
    def test_no_plan_no_booking_and_no_offer_before_it(self, clinic):
        """Treated on Tuesday 3 March: 48 h from its end are over at Friday 00:00."""
        on_record(clinic, last=date(2026, 3, 3))
        proposal = propose_series(
            patient=clinic.patient, protocol_version=clinic.version, weight_kg=WEIGHT,
            first_day=date(2026, 3, 4), by=clinic.coordinator, given_elsewhere=3,
        )  # fmt: skip
        assert [item.planned.ordinal for item in proposal.visits] == [4, 5, 6]
        assert local_date(proposal.plan.visits[0].start, LA) >= date(2026, 3, 6)
        with pytest.raises(
            RuleNotMet, match="4 of 6: Too soon after the treatment elsewhere on Tue 3 Mar"
        ) as refusal:
            book(clinic, visits=last_three(clinic))
        assert refusal.value.code == "gap"
        with pytest.raises(RuleNotMet, match="after the treatment elsewhere"):
            book(clinic)
        rows = [choice(clinic, n, local(clinic, day)) for n, day in zip((4, 5, 6), (6, 9, 12), strict=True)]
        series = book(clinic, visits=rows)
        offered = visit_options(series=series, ordinal=4, limit=60).choices
        assert offered
        assert min(local_date(item.start, LA) for item in offered) >= date(2026, 3, 6)
        with pytest.raises(RuleNotMet, match="after the treatment elsewhere"):
            visit_service.move_visit(
                appointment=visits_of(series)[0], start=local(clinic, 5), by=clinic.nurse, reason="staff"
            )

    def test_a_plan_anew_keeps_the_gap_too(self, clinic, clock):
        """Known on Thursday morning: treated elsewhere on Wednesday. Six visits move behind Friday 24:00."""
        series = book(clinic)
        clock.set(local(clinic, 5, 7))
        on_record(clinic, 1, date(2026, 3, 4), route="intranasal")
        first = visits_of(series)[0]
        plan = propose_replan(series=series, hit=[first], at=clock.now())
        assert plan.choices, plan.refusals
        assert local_date(plan.choices[0].start, LA) >= date(2026, 3, 7)

    def test_what_comes_to_light_later_holds_the_pump_until_a_prescriber_decides(self, clinic, clock):
        visit = visits_of(book(clinic))[0]
        infusion = prepare(clinic, arrive(clinic, visit, clock))
        assert findings_before_start(infusion, clock.now()) == []
        on_record(clinic, 1, date(2026, 3, 4), route="intranasal")
        (found,) = findings_before_start(infusion, clock.now())
        assert (found.severity, found.code) == ("decide", "minimum_gap")
        assert "Wed 4 Mar" in found.message


@pytest.mark.django_db
class TestThePage:
    def test_it_asks_only_who_has_been_treated_elsewhere_and_books_the_rest(self, clinic):
        client = signed_in(clinic.coordinator)
        assert "given_elsewhere" not in client.get(plan_url(clinic)).content.decode()
        on_record(clinic)
        page = client.get(plan_url(clinic)).content.decode()
        assert "3 treatments on record" in page
        data = plan_data(clinic, given_elsewhere="3")
        fields = shown(client.post(plan_url(clinic), data))
        assert [item.split("|")[0] for item in fields["visit"]] == ["4", "5", "6"]
        stale = client.post(plan_url(clinic), plan_data(clinic, "book", given_elsewhere="2", **fields))
        assert stale.status_code == 400
        assert "begin with infusion 4" in stale.content.decode()
        assert not TreatmentSeries.objects.exists()
        answer = client.post(plan_url(clinic), plan_data(clinic, "book", given_elsewhere="3", **fields))
        series = TreatmentSeries.objects.get()
        page = client.get(answer["Location"]).content.decode()
        assert "6, of which 3 were given elsewhere" in page
        assert ">Infusion 4<" in page
        assert ">Infusion 3<" not in page
        for name in ("infusion_rebook", "infusion_skip", "waitlist_add"):
            assert client.get(reverse(name, args=[series.code, 3])).status_code == 404, name

    @pytest.mark.parametrize(("typed", "status"), [("6", 400), ("4", 422), ("-1", 422), ("three", 422)])
    def test_a_number_that_cannot_be_is_refused_beside_its_field(self, clinic, typed, status):
        on_record(clinic)
        answer = signed_in(clinic.coordinator).post(
            plan_url(clinic), plan_data(clinic, given_elsewhere=typed)
        )
        assert answer.status_code == status
        assert 'id="id_given_elsewhere_error"' in answer.content.decode()
        assert not Appointment.objects.exists()


@pytest.mark.django_db
def test_the_api_plans_and_books_the_rest(clinic):
    on_record(clinic)
    client = caller(clinic.coordinator)
    facts = {
        "patient": str(clinic.patient.code), "protocol_version": str(clinic.version.code), "weight_kg": "70.0",
    }  # fmt: skip
    asked = facts | {"first_day": "2026-03-05", "given_elsewhere": 3}
    plan = client.post("/api/v1/series/preview/", asked, format="json").json()
    assert [item["ordinal"] for item in plan["visits"]] == [4, 5, 6]
    refused = client.post("/api/v1/series/preview/", asked | {"given_elsewhere": 5}, format="json")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/given-elsewhere"), refused.json()
    visits = [{name: item[name] for name in ("ordinal", "start", "chair", "nurse", "prescriber")} for item in plan["visits"]]  # fmt: skip
    booked = client.post("/api/v1/series/", facts | {"visits": visits}, format="json", **key())
    assert booked.status_code == 201, booked.content
    assert (booked.json()["first_ordinal"], booked.json()["visits"]) == (4, 6)


@pytest.mark.django_db
class TestTheSpreadsheet:
    HEAD = "mrn,family_name,given_name,birth_date,sex,given_before,last_given_on,protocol,weight_kg,infusion,start\n"

    def run(self, clinic, rows, **over):
        text = self.HEAD + "".join(
            f"A1,Ash,Mina,1984-05-17,F,{before},{last},{clinic.version.template.slug},70,{n},2026-03-{day} 09:00\n"
            for n, day, before, last in rows
        )
        facts = {"site": clinic.site, "raw": text.encode(), "by": clinic.clinician, "dry_run": False}
        return import_bookings(**(facts | {"eligible": True} | over))

    def test_who_is_in_the_middle_of_a_course_goes_on(self, clinic):
        rows = [(n, day, 3, "2026-03-02") for n, day in ((4, "05"), (5, "09"), (6, "12"))]
        report = self.run(clinic, rows)
        assert (report.problems, report.series, report.visits) == ([], 1, 3)
        series = TreatmentSeries.objects.get()
        assert series.numbers == range(4, 7)
        assert (series.patient.prior_exposures.counted(), series.patient.prior_exposures.last_day()) == (
            3,
            date(2026, 3, 2),
        )

    @pytest.mark.parametrize(
        ("before", "last", "column"),
        [
            ("", "", "given_before"),
            ("2", "", "given_before"),
            ("", "2026-03-02", "given_before"),
            ("x", "", "given_before"),
            ("3", "2026-13-02", "last_given_on"),
            ("3", "2027-01-02", "last_given_on"),
            ("3", "2026-03-03", "start"),
        ],
    )
    def test_what_does_not_fit_is_named_and_nothing_is_written(self, clinic, before, last, column):
        rows = [(n, day, before, last) for n, day in ((4, "05"), (5, "09"), (6, "12"))]
        report = self.run(clinic, rows)
        assert column in {item.column for item in report.problems}, report.problems
        assert not TreatmentSeries.objects.exists()
        assert not type(clinic.patient).objects.exclude(pk=clinic.patient.pk).exists()

    def test_rows_of_one_patient_agree(self, clinic):
        report = self.run(clinic, [(4, "05", 3, ""), (5, "09", 2, ""), (6, "12", 3, "")])
        assert {item.column for item in report.problems} == {"given_before"}


@pytest.mark.django_db
def test_a_version_with_no_infusion_left_is_refused(clinic):
    from scheduling.services.version_moves import _change  # the rule itself; the page shows it before

    on_record(clinic, 5)
    series = book(clinic, visits=[choice(clinic, 6, local(clinic, 5))])
    short = factories.make_version("single-infusion", author=clinic.admin)
    with pytest.raises(RuleNotMet, match="5 were given elsewhere"):
        _change(series, series.protocol_version, short, clinic.clinician, clinic.now)
