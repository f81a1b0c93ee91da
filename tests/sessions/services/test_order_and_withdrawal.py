"""An order that the weight has outgrown, and refusals said at any moment: each becomes what somebody sees and does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from patients import services as people
from scheduling.models import WorkItem
from sessions import dosing, services
from sessions.models import Infusion
from tests.sessions import world

kilos = st.decimals(min_value=20, max_value=350, places=1)


@settings(max_examples=80)
@given(kilos, kilos)
def test_five_percent_inclusive_of_the_weight_that_was_ordered_for(ordered_for, today):
    fits = dosing.weight_still_fits(ordered_for, today)
    assert fits == (abs(today - ordered_for) * 20 <= ordered_for)


def asked(topic):
    return WorkItem.objects.open().filter(kind="prescriber", key__startswith=f"{topic}:")


@pytest.mark.django_db
class TestOrder:
    def ordered(self, clinic):
        infusion = world.weighed(clinic, world.arrived(clinic))
        return services.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician)

    def test_a_change_over_five_percent_reopens_it_for_one_tap(self, clinic):
        infusion = self.ordered(clinic)
        services.record_weight(infusion=infusion, weight_kg=Decimal("73.5"), by=clinic.nurse)
        assert not asked("order").exists(), "5 % exactly still fits"
        fresh = services.record_weight(infusion=infusion, weight_kg=Decimal("74.0"), by=clinic.nurse)
        assert (fresh.ordered_mg, fresh.order_weight_kg) == (None, None)
        assert asked("order").get().owner == clinic.clinician
        services.confirm_weight(infusion=infusion, weight_kg=Decimal("74.0"), by=clinic.clinician)
        again = services.sign_order(infusion=infusion, by=clinic.second_clinician)
        assert (again.ordered_mg, again.order_weight_kg, again.bag_mg_per_ml) == (
            Decimal("37.0"), Decimal("74.0"), Decimal(1),
        )  # fmt: skip
        assert not asked("order").exists()

    def test_also_where_the_ceiling_hides_the_change_in_milligrams(self, clinic):
        infusion = world.weighed(clinic, world.arrived(clinic), "130")
        services.sign_order(
            infusion=infusion, ordered_mg=Decimal(60), bag_mg_per_ml=Decimal(1), by=clinic.clinician
        )
        fresh = services.record_weight(infusion=infusion, weight_kg=Decimal(120), by=clinic.nurse)
        assert fresh.ordered_mg is None

    def test_the_page_has_the_new_dose_ready(self, clinic):
        infusion = self.ordered(clinic)
        services.record_weight(infusion=infusion, weight_kg=Decimal(74), by=clinic.nurse)
        services.confirm_weight(infusion=infusion, weight_kg=Decimal(74), by=clinic.clinician)
        client = Client()
        client.force_login(clinic.clinician)
        text = client.get(reverse("infusion_detail", args=[infusion.code])).content.decode()
        assert 'value="37.0"' in text
        assert "Sign the order" in text

    def test_the_database_starts_no_pump_on_an_outgrown_or_missing_order(self, clinic):
        infusion = world.ready(clinic)
        start = (
            "UPDATE treatment_sessions_infusion SET status = 'infusing', started_at = now(), {} WHERE id = %s"
        )
        broken = {
            "weight_kg = 74": "infusion_weight_fits_the_order",
            "weight_kg = 66": "infusion_weight_fits_the_order",
            "ordered_mg = NULL": "infusion_starts_with_weight_and_order",
            "ordered_by_id = NULL": "infusion_starts_with_weight_and_order",
        }
        for change, name in broken.items():
            with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(start.format(change), [infusion.pk])
            assert error.value.__cause__.diag.constraint_name == name
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(start.format("weight_kg = 73.5"), [infusion.pk])
            transaction.set_rollback(True)


@pytest.mark.django_db
class TestSaidAtAnyMoment:
    """Refusal, withdrawal and opt-out while the pump runs and in recovery."""

    def infusing(self, clinic):
        infusion = world.ready(clinic)
        services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
        return Infusion.objects.get(pk=infusion.pk)

    def test_withdrawal_while_the_pump_runs_asks_to_stop_it_until_it_is_stopped(self, clinic, clock):
        infusion = self.infusing(clinic)
        clock.advance(minutes=10)
        services.withdraw_consent(consent=clinic.patient.consents.get(), by=clinic.nurse)
        assert {item.role for item in asked("consent-withdrawn")} == {"clinician", "nurse"}
        assert "stop the infusion" in asked("consent-withdrawn").first().title
        client = Client()
        client.force_login(clinic.nurse)
        page = client.get(reverse("infusion_detail", args=[infusion.code])).content.decode()
        assert "Consent was withdrawn: stop the pump" in page
        services.record_pump_event(infusion=infusion, kind="stop", reason="Patient's wish", by=clinic.nurse)
        assert not asked("consent-withdrawn").exists()
        assert Infusion.objects.get().status == "recovering"

    def test_withdrawal_in_recovery_is_stored_and_asks_nothing_of_the_pump(self, clinic, clock):
        infusion = self.infusing(clinic)
        clock.advance(minutes=40)
        services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
        services.withdraw_consent(consent=clinic.patient.consents.get(), by=clinic.nurse)
        assert clinic.patient.consents.get().withdrawn_at is not None
        assert not asked("consent-withdrawn").exists()

    @pytest.mark.parametrize("minutes", [10, 60])
    def test_opting_out_of_messages_and_a_request_to_stop_are_taken(self, clinic, clock, minutes):
        infusion = self.infusing(clinic)
        clock.advance(minutes=10)
        services.record_pump_event(
            infusion=infusion, kind="stop", reason="The patient asks to stop", by=clinic.nurse
        )
        clock.advance(minutes=minutes)
        people.opt_out(contact_point=clinic.contact, by=clinic.nurse)
        clinic.contact.refresh_from_db()
        assert not clinic.contact.usable
        assert Infusion.objects.get().stopped_at - Infusion.objects.get().started_at == timedelta(minutes=10)

    def test_refused_before_the_start_is_not_given(self, clinic):
        infusion = world.ready(clinic)
        closed = services.mark_not_given(infusion=infusion, reason="patient_declined", by=clinic.nurse)
        assert closed.status == "not-given"
