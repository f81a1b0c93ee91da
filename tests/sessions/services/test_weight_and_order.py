"""Weight, checks and order: what is believed, what needs a second person, what is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from sessions import services
from sessions.models import Infusion
from sessions.order_reasons import OrderShape
from sessions.services.pump_lines import new_line
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.follow.world import FIRST, book_course, start_pump
from tests.sessions import world

pytestmark = pytest.mark.django_db


def later_visit(clinic, clock, kg="70"):
    """A second record of a patient whose first weight is on file."""
    first = world.weighed(clinic, world.arrived(clinic), kg)
    services.mark_not_given(infusion=first, reason="Unwell today", by=clinic.nurse)
    clock.advance(days=3)
    return world.arrived(clinic, ordinal=2)


def test_pounds_typed_as_kg_on_a_first_visit_need_another_person(clinic):
    """154 lb is 70 kg: as 154 kg at 170 cm it is a BMI of 53."""
    infusion = world.arrived(clinic)
    fresh = services.record_weight(infusion=infusion, weight_kg=Decimal(154), by=clinic.nurse)
    with pytest.raises(RuleNotMet) as refused:
        services.confirm_weight(infusion=fresh, weight_kg=Decimal(154), by=clinic.nurse)
    assert refused.value.code == "weight-second-person"
    again = services.confirm_weight(infusion=fresh, weight_kg=Decimal(70), by=clinic.clinician)
    assert again.weight_kg is None
    assert again.status == Infusion.Status.ARRIVED


def test_a_first_weight_without_height_is_refused_until_the_height_is_there(clinic):
    patient = factories.make_patient(clinic.site, height_cm=None)
    infusion = world.arrived(clinic, patient=patient)
    with pytest.raises(RuleNotMet) as refused:
        services.record_weight(infusion=infusion, weight_kg=Decimal(70), by=clinic.nurse)
    assert (refused.value.code, refused.value.field) == ("height-needed", "height_cm")
    services.record_weight(
        infusion=infusion, weight_kg=Decimal(70), height_cm=Decimal("171.5"), by=clinic.nurse
    )
    patient.refresh_from_db()
    assert patient.height_cm == Decimal("171.5")


@pytest.mark.parametrize(("kg", "waits"), [("70", False), ("76.9", False), ("77.1", True), ("62.9", True)])
def test_more_than_ten_percent_off_the_last_weight_is_weighed_again(clinic, clock, kg, waits):
    infusion = later_visit(clinic, clock)
    fresh = services.record_weight(infusion=infusion, weight_kg=Decimal(kg), by=clinic.nurse)
    assert services.needs_second_weighing(fresh) is waits


@pytest.mark.parametrize("kg", ["0", "-70", "19.9", "350.1", "NaN", "Infinity"])
def test_weights_outside_20_to_350_kg_are_refused(clinic, kg):
    infusion = world.arrived(clinic)
    with pytest.raises(InvalidInput) as refused:
        services.record_weight(infusion=infusion, weight_kg=Decimal(kg), by=clinic.nurse)
    assert refused.value.field == "weight_kg"
    infusion.refresh_from_db()
    assert infusion.weight_kg is None


def test_the_order_is_the_protocols_dose_in_mg_ml_and_ml_per_hour(clinic):
    infusion = world.weighed(clinic, world.arrived(clinic))
    signed = services.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    assert signed.ordered_mg == Decimal("35.0")
    assert signed.ordered_by == clinic.clinician


def test_a_nurse_does_not_order(clinic):
    infusion = world.weighed(clinic, world.arrived(clinic))
    with pytest.raises(NotAllowed):
        services.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.nurse)


@pytest.mark.parametrize(
    ("mg", "code"), [("35.5", "over-protocol-dose"), ("34.7", "dose-step"), ("0", "range")]
)
def test_other_doses_than_the_protocol_allows_are_refused(clinic, mg, code):
    infusion = world.weighed(clinic, world.arrived(clinic))
    with pytest.raises((RuleNotMet, InvalidInput)) as refused:
        services.sign_order(
            infusion=infusion, ordered_mg=Decimal(mg), bag_mg_per_ml=Decimal(1), by=clinic.clinician
        )
    assert refused.value.code == code


def test_above_the_ceiling_a_second_prescriber_signs(clinic):
    """130 kg at 0.5 mg/kg is 65 mg; the ceiling is 60 mg."""
    patient = factories.make_patient(clinic.site, height_cm="190.0")
    infusion = world.weighed(clinic, world.arrived(clinic, patient=patient), "130")
    sign = {"infusion": infusion, "bag_mg_per_ml": Decimal(1), "by": clinic.clinician}
    for cosigner, error in ((None, RuleNotMet), (clinic.clinician, RuleNotMet), (clinic.nurse, NotAllowed)):
        with pytest.raises(error):
            services.sign_order(**sign, cosigned_by=cosigner)
    signed = services.sign_order(**sign, cosigned_by=clinic.second_clinician)
    assert (signed.ordered_mg, signed.order_cosigned_by) == (Decimal("65.0"), clinic.second_clinician)


def test_the_ceiling_itself_needs_no_second_signature(clinic):
    patient = factories.make_patient(clinic.site, height_cm="190.0")
    infusion = world.weighed(clinic, world.arrived(clinic, patient=patient), "130")
    signed = services.sign_order(
        infusion=infusion, ordered_mg=Decimal(60), bag_mg_per_ml=Decimal(1), by=clinic.clinician
    )
    assert signed.order_cosigned_by is None


def test_a_new_weight_takes_back_an_order_that_no_longer_fits(clinic):
    infusion = world.weighed(clinic, world.arrived(clinic))
    services.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    same = services.record_weight(infusion=infusion, weight_kg=Decimal(72), by=clinic.nurse)
    assert same.ordered_mg == Decimal("35.0")
    other = services.record_weight(infusion=infusion, weight_kg=Decimal(75), by=clinic.nurse)
    assert (other.ordered_mg, other.ordered_by, other.order_weight_kg) == (None, None, None)
    assert other.bag_mg_per_ml == Decimal(1), "the bag stays: one tap signs again"


def test_a_record_becomes_ready_only_with_everything_hard(clinic):
    world.consented(clinic)
    infusion = world.weighed(clinic, world.arrived(clinic))
    for kind in services.recordable_checks(infusion.protocol_version):
        services.record_check(infusion=infusion, kind=kind, outcome="passed", by=clinic.nurse)
    infusion.refresh_from_db()
    assert infusion.status == Infusion.Status.ARRIVED
    services.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    infusion.refresh_from_db()
    assert infusion.status == Infusion.Status.READY


def test_a_check_answered_again_supersedes_the_first_answer(clinic):
    infusion = world.arrived(clinic)
    services.record_check(infusion=infusion, kind="fasting", outcome="failed", note="Coffee", by=clinic.nurse)
    services.record_check(infusion=infusion, kind="fasting", outcome="passed", by=clinic.clinician)
    rows = infusion.checks.filter(kind="fasting").order_by("pk")
    assert [(row.outcome, row.superseded_at is None) for row in rows] == [("failed", False), ("passed", True)]


@pytest.mark.parametrize(
    ("kind", "outcome", "note", "code"),
    [
        ("weight", "passed", "", "computed-check"),
        ("horoscope", "passed", "", "unknown-check"),
        ("fasting", "maybe", "", "unknown-outcome"),
        ("fasting", "not-applicable", "why", "always-applies"),
        ("fasting", "failed", " ", "note-needed"),
        ("pregnancy_test", "not-applicable", "she says no", "reason-needed"),
    ],
)
def test_checks_that_make_no_sense_are_refused(clinic, kind, outcome, note, code):
    infusion = world.arrived(clinic)
    with pytest.raises(InvalidInput) as refused:
        services.record_check(infusion=infusion, kind=kind, outcome=outcome, note=note, by=clinic.nurse)
    assert refused.value.code == code
    assert not infusion.checks.exists()


def test_not_given_closes_the_record_and_frees_the_patient(clinic):
    infusion = world.arrived(clinic)
    services.mark_not_given(infusion=infusion, reason="Unwell today", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.mark_not_given(infusion=infusion, reason="Unwell today", by=clinic.nurse)
    assert world.arrived(clinic).status == Infusion.Status.ARRIVED


def test_one_open_record_per_patient(clinic):
    world.arrived(clinic)
    with pytest.raises(StateConflict) as refused:
        world.arrived(clinic)
    assert refused.value.code == "infusion-open"


def test_a_weight_of_yesterday_does_not_start_a_pump(clinic, clock):
    infusion = world.ready(clinic)
    clock.advance(days=1)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    with pytest.raises(RuleNotMet) as refused:
        services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert refused.value.code == "start-gate"
    assert app_now() - infusion.arrived_at == timedelta(days=1)


def test_a_swapped_chair_is_a_fact_until_the_record_is_closed(clinic):
    infusion = world.arrived(clinic)
    assert services.change_chair(infusion=infusion, chair="Chair 3", by=clinic.nurse).chair == "Chair 3"
    with pytest.raises(InvalidInput):
        services.change_chair(infusion=infusion, chair=" ", by=clinic.nurse)
    services.mark_not_given(infusion=infusion, reason="Unwell today", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.change_chair(infusion=infusion, chair="Chair 1", by=clinic.nurse)


class TestWeakerThanStudied:
    """Less than 0.5 mg/kg, fewer than 40 minutes or another route: by a single order only with a coded reason."""

    @pytest.fixture
    def sign(self, clinic):
        infusion = world.weighed(clinic, world.arrived(clinic))

        def order(mg="35", **shape):
            return services.sign_order(
                infusion=infusion, ordered_mg=Decimal(mg), bag_mg_per_ml=Decimal(1), by=clinic.clinician,
                shape=OrderShape(**shape),
            )  # fmt: skip

        return order

    @pytest.mark.parametrize(("mg", "shape", "code"), [
        ("34", {}, "low-order-reason"),
        ("20", {"low_reason": "protocol"}, "choice"),
        ("35", {"minutes": 30}, "short-order-reason"),
        ("35", {"minutes": 30, "short_reason": "because"}, "choice"),
        ("35", {"minutes": 29, "short_reason": "capacity"}, "range"),
        ("35", {"minutes": 101}, "range"),
        ("35", {"route": "im"}, "route-order-reason"),
        ("35", {"route": "nose", "route_reason": "study"}, "choice"),
    ])  # fmt: skip
    def test_without_a_reason_of_the_list_it_is_not_signed(self, sign, mg, shape, code):
        with pytest.raises((RuleNotMet, InvalidInput)) as refused:
            sign(mg, **shape)
        assert refused.value.code == code

    def test_with_one_it_is_kept_and_taken_away_with_the_order(self, sign, clinic):
        signed = sign(
            "20",
            low_reason="frailty",
            minutes=30,
            short_reason="capacity",
            route="im",
            route_reason="refusal",
        )
        assert (signed.order_low_reason, signed.ordered_minutes, signed.route) == ("frailty", 30, "im")
        again = sign("35", minutes=40, route="iv")
        assert (again.order_low_reason, again.order_minutes, again.order_route) == ("", None, "")
        assert sign("35", minutes=60).ordered_minutes == 60
        other = services.record_weight(infusion=again, weight_kg=Decimal(80), by=clinic.nurse)
        assert (other.order_minutes, other.order_route_reason) == (None, "")

    def test_the_pump_starts_at_the_rate_of_the_ordered_minutes(self, sign, clinic):
        infusion = sign("35", minutes=50)
        line = new_line(infusion, services.PumpAct("start"), [], clinic.nurse, app_now())
        assert line.rate_mg_per_min == Decimal("0.7")

    def test_the_database_refuses_it_without_a_reason(self, sign, clinic):
        infusion = sign("35")
        for change, named in (
            ("order_minutes = 30", "short_order_has_a_reason"), ("order_route = 'im'", "other_route_has_a_reason"),
            ("started_at = app_now(), status = 'infusing', ordered_mg = 34", "low_order_has_a_reason"),
        ):  # fmt: skip
            with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE treatment_sessions_infusion SET {change} WHERE id = %s", [infusion.pk]
                )
            assert caught.value.__cause__.diag.constraint_name == named


def test_for_another_route_nothing_estimates_when_the_drug_has_cleared(clinic, clock):
    """No model covers it: the estimate is withheld and a clinician states the time."""
    infusion = start_pump(clinic, book_course(clinic, [FIRST]).appointments.get())
    Infusion.objects.filter(pk=infusion.pk).update(order_route="im", order_route_reason="refusal")
    infusion.refresh_from_db()
    clock.set(FIRST + timedelta(minutes=41))
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    found = infusion.clearance_estimates.current().get()
    assert (found.t_pk, found.withheld) == (None, "refused")
    assert "another route" in found.warnings[0]["message"]
