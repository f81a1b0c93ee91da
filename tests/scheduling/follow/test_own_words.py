"""What a protocol's author wrote is what the patient gets: filled in once, as plain text, never as a template."""

from dataclasses import replace

from patients.models import Patient
from protocols.library import SIX_IN_THREE_WEEKS
from scheduling.models import Message
from scheduling.notifications import render
from scheduling.services.followups import sync_follow_ups
from tests.factories import make_version
from tests.scheduling.booking.helpers import book, visits_of
from tests.scheduling.follow.world import given


def test_own_words_are_sent_and_nothing_in_them_is_run(clinic):
    rules = tuple(
        replace(rule, email_text="Hello {name}, rest now. {phone}") if rule.kind == "rest_message" else rule
        for rule in SIX_IN_THREE_WEEKS.follow_ups
    )
    version = make_version(
        "own", author=clinic.admin, definition=replace(SIX_IN_THREE_WEEKS, follow_ups=rules)
    )
    Patient.objects.filter(pk=clinic.patient.pk).update(given_name="{phone} {{ 7|add:7 }}")
    clinic.patient.refresh_from_db()
    series = book(clinic, protocol_version=version)
    given(clinic, visits_of(series)[0])
    sync_follow_ups(series=series)
    message = Message.objects.filter(kind="rest").first()
    found = render(message, "a@b.example")
    assert found.text == f"Hello {{phone}} {{{{ 7|add:7 }}}}, rest now. {clinic.site.phone}\n"
    assert found.html == ""
    other = Message.objects.filter(kind="no_driving").first()
    assert "drive" in render(other, "a@b.example").text
