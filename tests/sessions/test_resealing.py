"""A new key for what is encrypted: the owner seals it anew, the old key goes, and nobody else can touch a note."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from patients.models import ContactPoint
from patients.services import add_contact_point
from scheduling.models import StaffNotice
from scheduling.schedule_checks import check_schedule
from scheduling.services import alerts
from sessions import services
from sessions.models import PrivateNote
from staff.errors import StateConflict
from staff.fields import KeyMissing, seal
from staff.services.resealing import sealed_columns

pytestmark = pytest.mark.django_db
SECRET = "What the patient dreamt of"
NOTES = "treatment_sessions_privatenote"
EVENTS = ("patients_contactpointevent", "scheduling_dutyshiftevent", "scheduling_staffnoticeevent")


def run(sql: str, *values: object) -> list[tuple]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def owner() -> Iterator[None]:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("RESET ROLE")
    yield
    run(f'SET ROLE "{configured.DATABASE_APP_ROLE}"')


def told(*arguments: str) -> str:
    words = StringIO()
    call_command("reseal", *arguments, stdout=words)
    return words.getvalue()


@pytest.fixture
def note(clinic, clock) -> PrivateNote:
    """A private note, a duty number, a notice and an address, each with its history, and a key changed since."""
    session = services.start_integration(patient=clinic.patient, therapist=clinic.therapist)
    clock.advance(minutes=50)
    alerts.raise_alert(key="k", site=clinic.site, patient=clinic.patient, reason="Item 9", at=clock.now())
    StaffNotice.objects.update(attempts=1)
    return services.write_private_note(session=session, by=clinic.therapist, text=SECRET)


@pytest.fixture
def new_key(note, settings) -> str:
    old = settings.FIELD_KEY
    settings.FIELD_KEYS_OLD = [old]
    settings.FIELD_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
    return old


def test_every_sealed_column_is_known_with_its_history():
    assert [f"{column.name} {column.index}".strip() for column in sealed_columns()] == [
        "patients_contactpoint.address address_index",
        "patients_contactpointevent.address address_index",
        "scheduling_dutyshift.phone",
        "scheduling_dutyshiftevent.phone",
        "scheduling_staffnotice.address",
        "scheduling_staffnoticeevent.address",
        "treatment_sessions_privatenote.text",
    ]


def test_the_old_key_can_go_once_everything_is_sealed_anew(clinic, clock, note, new_key, settings):
    point, before = clinic.contact, {table: run(f"SELECT count(*) FROM {table}") for table in EVENTS}
    with owner():
        with pytest.raises(CommandError, match="need an old key: run `reseal`"):
            told("--check")
        first = told()
        assert f"{NOTES}.text: 1 sealed anew, 0 do not open" in first
        assert "scheduling_staffnoticeevent.address: 0 sealed" not in first, "there is history to seal"
        assert "No old key is needed any more." in told("--check")
    settings.FIELD_KEYS_OLD = []
    again = ContactPoint.objects.get(pk=point.pk)
    assert (again.address, again.version) == (point.address, point.version)
    with pytest.raises(StateConflict, match="on file"):
        add_contact_point(
            patient=again.patient, channel=again.channel, address=again.address, by=clinic.coordinator
        )
    assert PrivateNote.objects.get().text == SECRET
    assert {row.address for row in StaffNotice.objects.all()} == {clinic.nurse.email}
    assert [row.address for row in ContactPoint.pgh_event_model.objects.filter(pgh_obj=point)][-1:] == [
        point.address
    ]
    assert {table: run(f"SELECT count(*) FROM {table}") for table in EVENTS} == before, (
        "history has no new row"
    )
    assert not [item for item in check_schedule(clock.now()) if item.kind == "sealed"]


def test_what_does_not_open_is_left_and_named(clinic, note, new_key, settings):
    stored = run(f"SELECT text FROM {NOTES}")
    settings.FIELD_KEYS_OLD = []
    with owner(), pytest.raises(CommandError, match="do not open with any configured key"):
        told()
    assert run(f"SELECT text FROM {NOTES}") == stored
    with pytest.raises(KeyMissing):
        _ = PrivateNote.objects.get().text


def test_only_the_owner_replaces_a_note_and_only_its_ciphertext(clinic, note, new_key, settings):
    """The value that `reseal` would write, and every other change, tried by both roles."""
    place, row = f"{NOTES}.text", f"{note.code}:{note.session_id}:{note.author_id}"
    anew = seal(SECRET, place=place, row=row)
    with pytest.raises(CommandError, match="Only the owner"):
        told()
    present, settings.FIELD_KEY = settings.FIELD_KEY, new_key
    same_key = seal("Another text", place=place, row=row)
    with pytest.raises(IntegrityError, match="amended by new rows"):
        run(f"UPDATE {NOTES} SET text = %s", anew)
    with owner():
        for change, values in (
            ("text = %s", (same_key,)),
            ("text = %s, written_at = written_at - interval '1 day'", (anew,)),
            ("author_id = %s", (clinic.other_therapist.pk,)),
        ):
            with pytest.raises(IntegrityError, match="amended by new rows"):
                run(f"UPDATE {NOTES} SET {change}", *values)
        with pytest.raises(IntegrityError, match="amended by new rows"):
            run(f"DELETE FROM {NOTES}")
        run(f"UPDATE {NOTES} SET text = %s", anew)
    settings.FIELD_KEY = present
    assert PrivateNote.objects.get().text == SECRET
