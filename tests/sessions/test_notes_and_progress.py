"""Therapy notes and their corrections, private notes for their author alone, nights and daily life as data."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from scheduling.schedule_checks import check_schedule
from sessions import services
from sessions.models import NightReport, PrivateNote, PrivateNoteReading, ProgressReport
from staff.errors import InvalidInput, NotAllowed, RuleNotMet
from staff.models import IdempotencyRecord
from tests.raw import as_owner, swap
from tests.sessions import world

pytestmark = pytest.mark.django_db
SECRET = "What the patient dreamt of"


@pytest.fixture
def session(clinic, clock):
    found = services.start_integration(patient=clinic.patient, therapist=clinic.therapist)
    note = services.NoteText(
        goals="Mornings",
        practice_plan="A walk",
        practice_when="After waking",
        practice_a_week=8,
        progress="Well",
    )
    clock.advance(minutes=50)
    return services.complete_integration(session=found, by=clinic.therapist, note=note)


def as_(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def run(sql, *values):
    """As the app role."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_the_note_is_read_corrected_and_its_first_version_stays(clinic, session):
    url = f"/therapy/{session.code}/"
    assert Client().get(url).status_code == 302
    assert as_(clinic.coordinator).get(url).status_code == 403
    client = as_(clinic.therapist)
    page = client.get(url).content.decode()
    for words in ("Mornings", "A walk", "After waking", "8 times a week", clinic.therapist.full_name):
        assert words in page
    assert "A walk" in as_(clinic.clinician).get(url).content.decode()
    assert "Correct the note" not in as_(clinic.clinician).get(url).content.decode()
    amend = f"{url}amend/"
    body = {
        "goals": "Mornings",
        "practice_plan": "A swim",
        "practice_when": "",
        "practice_a_week": "3",
        "progress": "Well",
    }
    body["patient_code"] = str(clinic.patient.code)
    for bad in (
        {"practice_a_week": "0"},
        {"practice_a_week": "4_0"},
        {"practice_plan": ""},
        {"goals": "x" * 5000},
    ):
        assert client.post(amend, body | bad).status_code == 422, bad
    assert session.notes.count() == 1
    assert client.post(amend, body).status_code == 302
    assert client.post(amend, body).status_code == 422, "nothing was changed the second time"
    page = client.get(url).content.decode()
    assert "A swim" in page
    assert "A walk" in page
    assert "Earlier versions" in page


def test_the_note_is_read_and_corrected_over_the_api(clinic, session):
    api, url = APIClient(), f"/api/v1/therapy-sessions/{session.code}/"
    body = {"goals": "Mornings", "practice_plan": "A swim", "progress": "Well"}
    for who, reads, writes in (
        (clinic.coordinator, 403, 403), (clinic.clinician, 200, 403), (clinic.outsider, 404, 403),
        (clinic.therapist, 200, 400),
    ):  # fmt: skip
        api.force_authenticate(who)
        assert api.get(url).status_code == reads, who
        assert api.post(f"{url}amend/", body, format="json").status_code == writes, who
    (row,) = api.get(f"/api/v1/therapy-sessions/?patient={clinic.patient.code}").json()["results"]
    assert (row["code"], "notes" in row) == (str(session.code), False)
    for bad in ({}, {"progress": "x" * 4001}, {"practice_a_week": 0}, {"progress": "y", "nonsense": 1}):
        answer = api.post(f"{url}amend/", bad, format="json", headers={"Idempotency-Key": "amend-note-1"})
        assert answer.status_code == 400, bad
    assert session.notes.count() == 1
    for _ in range(2):
        answer = api.post(f"{url}amend/", body, format="json", headers={"Idempotency-Key": "amend-note-2"})
        assert answer.status_code == 201
    assert [note["practice_plan"] for note in api.get(url).json()["notes"]] == ["A swim", "A walk"]
    again = api.post(f"{url}amend/", body, format="json", headers={"Idempotency-Key": "amend-note-3"})
    assert again.status_code == 400, "nothing was changed"


def test_private_notes_are_their_authors_alone_and_each_reading_is_written_down(clinic, session):
    url = f"/therapy/{session.code}/private/"
    body = {"text": SECRET, "patient_code": str(clinic.patient.code)}
    client = as_(clinic.therapist)
    for _ in range(2):
        assert client.post(url, body).status_code == 302
    assert PrivateNote.objects.count() == 1
    assert client.post(url, body | {"text": "  "}).status_code == 422
    assert client.post(url, body | {"text": "x" * 20_001}).status_code == 422
    for role, status in (("clinician", 403), ("nurse", 403), ("coordinator", 403), ("other_therapist", 404)):
        assert as_(getattr(clinic, role)).get(url).status_code == status, role
    note = PrivateNote.objects.get()
    for code in ("nonsense", str(session.code), "\x00"):
        assert client.get(url, {"replaces": code}).status_code == 404
        assert client.post(url, body | {"replaces": code}).status_code == 404
    assert f"{SECRET}</textarea>" in client.get(url, {"replaces": str(note.code)}).content.decode()
    better = body | {"text": "Corrected", "replaces": str(note.code)}
    assert client.post(url, better).status_code == 302
    assert client.post(url, better).status_code == 409, "it was corrected already"
    assert list(PrivateNote.objects.order_by("pk").values_list("replaces", flat=True)) == [None, note.pk]
    before = PrivateNoteReading.objects.count()
    answer = client.get(url)
    assert SECRET in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert PrivateNoteReading.objects.count() == before + 2
    assert {row.reader for row in PrivateNoteReading.objects.all()} == {clinic.therapist}
    assert SECRET not in client.get(f"/therapy/{session.code}/").content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM treatment_sessions_privatenote")
        assert SECRET not in cursor.fetchone()[0], "encrypted at rest"
    with pytest.raises(NotAllowed):
        services.open_private_notes(session=session, by=clinic.other_therapist)
    with pytest.raises(NotAllowed):
        services.write_private_note(session=session, by=clinic.other_therapist, text="x")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO treatment_sessions_privatenote (code, session_id, author_id, text, written_at)"
        " VALUES (gen_random_uuid(), %(session)s, %(other)s, 'x', now())",
        "UPDATE treatment_sessions_privatenote SET text = 'x'",
        "DELETE FROM treatment_sessions_privatenote",
        "INSERT INTO treatment_sessions_privatenotereading (note_id, reader_id, read_at)"
        " SELECT id, %(other)s, now() FROM treatment_sessions_privatenote",
        "DELETE FROM treatment_sessions_privatenotereading",
        "UPDATE treatment_sessions_integrationnote SET progress = 'x'",
    ],
)
def test_the_database_keeps_notes_as_they_were_written(clinic, session, sql):
    services.write_private_note(session=session, by=clinic.therapist, text=SECRET)
    services.open_private_notes(session=session, by=clinic.therapist)
    with (
        pytest.raises((IntegrityError, ProgrammingError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, {"session": session.pk, "other": clinic.other_therapist.pk})
    assert services.open_private_notes(session=session, by=clinic.therapist)[0].text == SECRET


def test_a_note_that_was_put_in_another_s_place_is_not_shown(clinic, clock, session):
    """Copied by the app role, or swapped by the owner: neither opens, the page says so, and the check names both."""
    first = services.write_private_note(session=session, by=clinic.therapist, text=SECRET)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO treatment_sessions_privatenote (code, session_id, author_id, text, written_at)"
            " SELECT gen_random_uuid(), session_id, author_id, text, now() FROM treatment_sessions_privatenote"
        )
    copy = PrivateNote.objects.exclude(pk=first.pk).get()
    assert (first.shown_text, copy.shown_text) == (SECRET, "")
    second = services.write_private_note(session=session, by=clinic.therapist, text="Another note.")
    table = "treatment_sessions_privatenote"
    as_owner(f"ALTER TABLE {table} DISABLE TRIGGER record_is_fixed")
    swap(table, "text", first.pk, second.pk)
    as_owner(f"ALTER TABLE {table} ENABLE TRIGGER record_is_fixed")
    page = as_(clinic.therapist).get(f"/therapy/{session.code}/private/")
    assert page.status_code == 200
    assert page.content.decode().count("This note does not open") == 3
    assert SECRET not in page.content.decode()
    answer = APIClient()
    answer.force_authenticate(clinic.therapist)
    notes = answer.get("/api/v1/private-notes/", {"session": str(session.code)}).json()
    assert [note["text"] for note in notes] == ["", "", ""]
    assert [item.codes for item in check_schedule(clock.now()) if item.kind == "sealed"] == sorted(
        (str(note.code),) for note in PrivateNote.objects.all()
    )
    assert services.write_private_note(session=session, by=clinic.therapist, text=SECRET).text == SECRET


def test_notes_from_before_are_sealed_by_the_migration_and_stay_fixed(clinic, session):
    migration = import_module("sessions.migrations.0015_private_notes_are_sealed_to_their_row")
    note = services.write_private_note(session=session, by=clinic.therapist, text=SECRET)
    as_owner(migration.NO_RULE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("RESET ROLE")
        for work in (migration.unseal_all, migration.seal_all):
            for _ in range(2):
                work(None, SimpleNamespace(connection=connection))
            assert PrivateNote.objects.get().text == SECRET
        cursor.execute(f'SET ROLE "{role}"')
    as_owner(migration.RULE)
    with pytest.raises(IntegrityError), transaction.atomic():
        PrivateNote.objects.filter(pk=note.pk).update(written_at=note.written_at - timedelta(hours=1))


def test_nights_are_data_corrected_by_new_rows(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    clock.advance(hours=20)
    for hours in ("6.5", "6.5", "7"):
        services.record_night(
            infusion=infusion, night=1, hours_slept=Decimal(hours), quality=4, by=clinic.nurse
        )
    rows = NightReport.objects.order_by("pk")
    assert [(row.hours_slept, row.superseded_at is None) for row in rows] == [
        (Decimal("6.5"), False),
        (Decimal(7), True),
    ]
    assert rows[1].words == "7 h, good"
    for over in ({"night": 3}, {"hours_slept": Decimal(25)}, {"hours_slept": Decimal("NaN")}, {"quality": 9}):
        with pytest.raises(InvalidInput):
            services.record_night(
                **{"infusion": infusion, "night": 2, "hours_slept": Decimal(7), "by": clinic.nurse} | over
            )
    url = f"/infusions/{infusion.code}/nights/"
    body = {"night": "2", "hours_slept": "8", "quality": "", "patient_code": str(clinic.patient.code)}
    assert as_(clinic.coordinator).get(url).status_code == 403
    for bad in ({"night": "7"}, {"hours_slept": "1200"}, {"hours_slept": ""}, {"quality": "\x00"}):
        assert as_(clinic.nurse).post(url, body | bad).status_code == 422, bad
    assert as_(clinic.nurse).post(url, body).status_code == 302
    assert NightReport.objects.current().count() == 2
    for sql in (
        "UPDATE treatment_sessions_nightreport SET hours_slept = 1",
        "DELETE FROM treatment_sessions_nightreport",
        "UPDATE treatment_sessions_nightreport SET superseded_at = NULL",
    ):
        with pytest.raises((IntegrityError, ProgrammingError)):
            run(sql)


def test_a_night_before_the_pump_has_stopped_is_no_night(clinic, clock):
    infusion = world.arrived(clinic)
    with pytest.raises(RuleNotMet):
        services.record_night(infusion=infusion, night=1, hours_slept=Decimal(7), by=clinic.nurse)


def test_daily_life_is_kept_beside_the_scores_and_never_counted_as_nought(clinic, clock):
    stored = services.record_progress(patient=clinic.patient, function=0, by=clinic.therapist)
    assert (stored.function, stored.practice_days, stored.goal_rating) == (0, None, None)
    assert services.record_progress(patient=clinic.patient, function=0, by=clinic.therapist) == stored
    for over in ({}, {"function": 11}, {"practice_days": 8}, {"goal_rating": -1}, {"function": True}):
        with pytest.raises(InvalidInput):
            services.record_progress(**{"patient": clinic.patient, "by": clinic.therapist} | over)
    with pytest.raises(RuleNotMet):
        services.record_progress(
            patient=clinic.patient, function=1, by=clinic.therapist, taken_at=clock.now() + timedelta(hours=1)
        )
    client, url = as_(clinic.therapist), f"/patients/{clinic.patient.code}/progress/new/"
    body = {"patient_code": str(clinic.patient.code)}
    assert client.post(url, body).status_code == 422, "nothing was asked"
    assert client.post(url, body | {"function": "7", "goal_rating": "3"}).status_code == 302
    assert ProgressReport.objects.count() == 2
    page = client.get(f"/patients/{clinic.patient.code}/consents/").content.decode()
    assert "Daily life" in page


def test_the_api_takes_and_gives_them(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    client = as_(clinic.nurse)

    def post(path, body, key):
        return client.post(
            path, body, content_type="application/json", headers={"Idempotency-Key": f"test-key-{key}"}
        )

    night = {"infusion": str(infusion.code), "night": 1, "hours_slept": "6.5"}
    answer = post("/api/v1/night-reports/", night, "a")
    assert answer.status_code == 201, answer.content
    assert post("/api/v1/night-reports/", night | {"hours_slept": "99"}, "b").status_code == 400
    assert post("/api/v1/progress-reports/", {"patient": str(clinic.patient.code)}, "c").status_code == 400
    daily = {"patient": str(clinic.patient.code), "function": 4}
    assert post("/api/v1/progress-reports/", daily, "d").status_code == 201
    assert (
        client.get(f"/api/v1/progress-reports/?patient={clinic.patient.code}").json()["results"][0][
            "function"
        ]
        == 4
    )


def test_private_notes_by_the_api_are_the_authors_alone(clinic, session):
    client, url, asked = APIClient(), "/api/v1/private-notes/", {"session": str(session.code)}
    body = asked | {"text": SECRET}
    for who, status in ((clinic.clinician, 403), (clinic.coordinator, 403), (clinic.other_therapist, 404)):
        client.force_authenticate(who)
        assert client.get(url, asked).status_code == status
        answer = client.post(url, body, format="json", headers={"Idempotency-Key": "private-note-1"})
        assert answer.status_code == status
    assert not PrivateNote.objects.exists()
    client.force_authenticate(clinic.therapist)
    for bad in (
        asked,
        asked | {"text": " "},
        asked | {"text": "x" * 20_001},
        body | {"replaces": str(session.code)},
    ):
        answer = client.post(url, bad, format="json", headers={"Idempotency-Key": "private-note-2"})
        assert answer.status_code in (400, 422)
    assert client.post(url, body, format="json").status_code == 400, "no Idempotency-Key"
    for _ in range(2):
        answer = client.post(url, body, format="json", headers={"Idempotency-Key": "private-note-3"})
        assert answer.status_code == 201
        assert SECRET not in answer.content.decode()
    note = PrivateNote.objects.get()
    assert SECRET not in str(list(IdempotencyRecord.objects.values_list("body", flat=True)))
    better = body | {"text": "Corrected", "replaces": str(note.code)}
    answer = client.post(url, better, format="json", headers={"Idempotency-Key": "private-note-4"})
    assert answer.status_code == 201
    readings = PrivateNoteReading.objects.count()
    found = client.get(url, asked)
    assert [row["text"] for row in found.json()] == ["Corrected", SECRET]
    assert found["Cache-Control"] == "no-store"
    assert PrivateNoteReading.objects.count() == readings + 2
