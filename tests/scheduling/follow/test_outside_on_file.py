"""A therapist outside the clinic on file: who they are, the release and its bounds, the address that is confirmed."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from patients import services
from patients.models import ExternalTherapist, TherapistRelease
from scheduling.services import outside_address
from staff.errors import InvalidInput, RuleNotMet
from tests import factories
from tests.scheduling.follow import outside_world as o
from tests.scheduling.follow.outside_world import ADDRESS, PATH, mails, outsider, release

pytestmark = pytest.mark.django_db
mailbox, therapist, visit, session = o.mailbox, o.therapist, o.visit, o.session


class TestOnFile:
    def test_one_person_may_serve_several_patients_and_their_address_comes_along(self, clinic, therapist):

        other = factories.make_patient(clinic.site)
        assert outsider(clinic) == therapist, "twice is one"
        assert outsider(clinic, other, name="kit marlow") == therapist
        services.record_external(patient=other, known=therapist, by=clinic.coordinator)
        (copy,) = other.contact_points.filter(whose="external")
        assert (copy.address, copy.usable, copy.external_therapist) == (ADDRESS, True, therapist)
        with pytest.raises(InvalidInput) as refused:
            outsider(clinic, other, name="Somebody Else")
        assert refused.value.field == "licence_number"

    @pytest.mark.parametrize(
        ("over", "field"),
        [
            ({"name": " "}, "name"),
            ({"jurisdiction": "Oregon"}, "jurisdiction"),
            ({"jurisdiction": ""}, "jurisdiction"),
        ],
    )
    def test_what_cannot_be_is_refused(self, clinic, over, field):
        with pytest.raises(InvalidInput) as refused:
            outsider(clinic, **over)
        assert refused.value.field == field
        assert not ExternalTherapist.objects.exists()

    @pytest.mark.parametrize(
        ("over", "field"),
        [
            ({"signed_on": date(2026, 3, 4)}, "signed_on"),
            ({"signed_on": date(2025, 1, 1)}, "signed_on"),
            ({"shown_as": "surname"}, "shown_as"),
            ({"valid_until": date(2026, 3, 2)}, "valid_until"),
            ({"valid_until": date(2027, 4, 1)}, "valid_until"),
        ],
    )
    def test_a_release_has_its_bounds(self, clinic, over, field):
        kit = outsider(clinic)
        with pytest.raises(InvalidInput) as refused:
            release(clinic, kit, **over)
        assert refused.value.field == field

    def test_it_is_valid_to_the_end_of_its_last_local_day_also_when_the_clocks_change(self, clinic, clock):
        row = release(clinic, outsider(clinic), valid_until=date(2026, 3, 8))  # 23 hours long in Los Angeles
        end = row.valid_until
        assert end.isoformat() == "2026-03-09T07:00:00+00:00"
        assert row.valid_at(end - timedelta(microseconds=1))
        assert not row.valid_at(end)

    def test_a_newer_one_replaces_it_and_a_revoked_one_stays_so(self, clinic, therapist):
        newer = release(clinic, therapist, shown_as="given")
        first = TherapistRelease.objects.exclude(pk=newer.pk).get()
        assert first.revoked_reason == "Replaced by a newer one"
        for _ in range(2):
            services.revoke_release(release=newer, by=clinic.nurse)
        with pytest.raises(IntegrityError), transaction.atomic():
            TherapistRelease.objects.filter(pk=newer.pk).update(
                revoked_at=None, revoked_by=None, revoked_reason=""
            )

    def test_the_operator_lists_and_revokes_by_the_same_service(self, clinic, clock):
        row = release(clinic, outsider(clinic))
        out = io.StringIO()
        call_command("outside_releases", site=clinic.site.short_name, stdout=out)
        assert out.getvalue().startswith(f"{row.code}\t{clinic.patient.mrn}\tKit Marlow\t2026-08-")
        soon = io.StringIO()
        call_command("outside_releases", site=clinic.site.short_name, days=30, stdout=soon)
        assert soon.getvalue() == ""
        for bad in (
            {},
            {"revoke": str(row.code)},
            {"revoke": str(row.code), "by": clinic.therapist.email},
            {"revoke": str(row.code), "by": clinic.outsider.email},
            {"revoke": "nonsense", "by": clinic.coordinator.email},
            {"revoke": str(row.code), "by": clinic.coordinator.email, "reason": "x" * 300},
        ):
            with pytest.raises(CommandError):
                call_command("outside_releases", **bad)
        row.refresh_from_db()
        assert row.revoked_at is None
        for _ in range(2):
            call_command(
                "outside_releases", revoke=str(row.code), by=clinic.coordinator.email, stdout=io.StringIO()
            )
        row.refresh_from_db()
        assert row.revoked_by == clinic.coordinator
        assert row.revoked_reason.startswith("The patient took it back (operator ")

    def test_the_address_is_confirmed_by_a_link_with_nothing_of_the_patient_in_it(self, clinic, mailbox):
        kit = outsider(clinic)
        point = services.add_contact_point(
            patient=clinic.patient, channel="email", address=ADDRESS, whose="external", external=kit,
            by=clinic.coordinator,
        )  # fmt: skip
        with pytest.raises(RuleNotMet) as refused:
            outside_address.send_address_link(contact_point=point, by=clinic.coordinator)
        assert refused.value.code == "no-release"
        release(clinic, kit)
        for _ in range(2):
            outside_address.send_address_link(contact_point=point, by=clinic.coordinator)
        text = mails(mailbox)[-1]["Subject"] + mails(mailbox)[-1].get_content()
        assert clinic.patient.given_name not in text
        path = PATH.findall(text)[0]
        assert "Kit Marlow" in Client().get(path).content.decode()
        point.refresh_from_db()
        assert not point.usable, "opening it changes nothing"
        for _ in range(2):
            assert Client().post(path).status_code in (200, 302)
        point.refresh_from_db()
        assert point.usable
        assert "You have confirmed it" in Client().get(path).content.decode()
