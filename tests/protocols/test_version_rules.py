"""What PostgreSQL itself refuses about protocol versions, as the app role; and the walk of many publications."""

import contextlib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols import services
from protocols.definition_codec import canonical_text, digest
from protocols.library import SINGLE_INFUSION, SIX_IN_THREE_WEEKS
from protocols.models import ProtocolVersion
from staff.errors import DomainError
from tests.factories import make_user, make_version


def refused_by(sql, params):
    """Name of the constraint or trigger that refuses this statement."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    return caught.value.__cause__.diag.constraint_name


def test_the_tests_run_as_the_app_role(clinic, settings):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == settings.DATABASE_APP_ROLE


@pytest.mark.parametrize(
    "change",
    [
        "definition = jsonb_set(definition, '{dose,mg_per_kg}', '\"0.6\"')",
        'definition = definition || \'{"title": "Other"}\'',
        "sha256 = repeat('0', 64)",
        "number = 99",
        "author_id = (SELECT max(id) FROM staff_user)",
    ],
)
@pytest.mark.parametrize("status", ["in-review", "active", "superseded", "retired"])
def test_raw_sql_cannot_change_a_text_that_left_its_draft(clinic, status, change):
    version = clinic.version
    if status == "in-review":
        version = make_version("single-infusion", active=False, author=clinic.admin)
        ProtocolVersion.objects.filter(pk=version.pk).update(status="in-review")
    elif status != "active":
        runs_on = "finish" if status == "retired" else ""
        ProtocolVersion.objects.filter(pk=version.pk).update(status=status, running_series=runs_on)
    make_user("nurse")  # so that another author exists
    before = ProtocolVersion.objects.filter(pk=version.pk).values().get()
    named = refused_by(f"UPDATE protocols_protocolversion SET {change} WHERE id = %s", [version.pk])
    assert named == "version_text_is_fixed"
    assert ProtocolVersion.objects.filter(pk=version.pk).values().get() == before


@pytest.mark.parametrize(
    ("status", "to"),
    [
        ("active", "draft"),
        ("active", "in-review"),
        ("superseded", "active"),
        ("retired", "active"),
        ("retired", "draft"),
        ("draft", "active"),
    ],
)
def test_raw_sql_cannot_move_a_status_backwards(clinic, status, to):
    version = clinic.version
    if status == "draft":
        version = make_version("single-infusion", active=False, author=clinic.admin)
    elif status != "active":
        runs_on = "finish" if status == "retired" else ""
        ProtocolVersion.objects.filter(pk=version.pk).update(status=status, running_series=runs_on)
    sql = "UPDATE protocols_protocolversion SET status = %s WHERE id = %s"
    assert refused_by(sql, [to, version.pk]) == "version_status_moves_forward"


def test_raw_sql_cannot_add_change_or_drop_a_document_of_a_published_version(clinic):
    pk = clinic.version.pk
    for sql in (
        "UPDATE protocols_protocoldocument SET body = 'other' WHERE protocol_version_id = %s",
        "DELETE FROM protocols_protocoldocument WHERE protocol_version_id = %s",
        "INSERT INTO protocols_protocoldocument (code, protocol_version_id, kind, title, body, change)"
        " VALUES (gen_random_uuid(), %s, 'consent', 't', 'b', 'notice')",
    ):
        assert refused_by(sql, [pk]) == "version_documents_are_fixed"


def test_a_draft_can_be_changed_and_its_numbers_are_checked_by_the_database_too(clinic):
    draft = make_version("single-infusion", active=False, author=clinic.admin)
    sql = "UPDATE protocols_protocolversion SET definition = jsonb_set(definition, %s, %s) WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, ["{dose,mg_per_kg}", '"0.6"', draft.pk])
    assert ProtocolVersion.objects.get(pk=draft.pk).dose_mg_per_kg == Decimal("0.6")
    for path, value, named in [
        ("{dose,mg_per_kg}", '"5.0"', "version_dose_in_range"),
        ("{dose,ceiling_mg}", '"900"', "version_ceiling_in_range"),
        ("{dose,infusion_minutes}", "5", "version_minutes_in_range"),
        ("{discharge,observe_from_start_minutes}", "30", "version_observation_long_enough"),
    ]:
        assert refused_by(sql, [path, value, draft.pk]) == named


def test_two_versions_of_a_template_cannot_be_active(clinic):
    second = make_version(active=False, author=clinic.admin)
    ProtocolVersion.objects.filter(pk=second.pk).update(status="in-review")
    sql = (
        "UPDATE protocols_protocolversion SET status = 'active', approval = 'second-person',"
        " approved_by_id = %s, approved_at = app_now(), activated_at = app_now() WHERE id = %s"
    )
    assert refused_by(sql, [clinic.clinician.pk, second.pk]) == "one_active_version_per_template"


def test_raw_sql_cannot_publish_without_an_approver_or_alone_within_a_day(clinic):
    version = make_version("single-infusion", active=False, author=clinic.admin)
    ProtocolVersion.objects.filter(pk=version.pk).update(status="in-review", submitted_at=clinic.now)
    sql = "UPDATE protocols_protocolversion SET status = 'active', approval = 'sole' WHERE id = %s"
    assert refused_by(sql, [version.pk]) == "version_published_only_when_approved"
    signed = (
        "UPDATE protocols_protocolversion SET status = 'active', approval = %s, approved_by_id = author_id,"
        " approved_at = submitted_at + %s, activated_at = app_now() WHERE id = %s"
    )
    soon, later = timedelta(hours=23, minutes=59), timedelta(hours=24)
    assert refused_by(signed, ["second-person", later, version.pk]) == "version_author_does_not_approve"
    assert refused_by(signed, ["sole", soon, version.pk]) == "version_sole_approval_waits_a_day"
    unsubmitted = signed.replace(
        "approved_at = submitted_at + %s", "submitted_at = NULL, approved_at = app_now() + %s"
    )
    assert refused_by(unsubmitted, ["sole", later, version.pk]) == "version_sole_approval_waits_a_day"
    as_owner("DROP TRIGGER version_author_does_not_approve ON protocols_protocolversion")
    assert refused_by(signed, ["second-person", later, version.pk]) == "version_author_is_not_second_person"
    with connection.cursor() as cursor:
        cursor.execute(signed, ["sole", later, version.pk])
    assert ProtocolVersion.objects.get(pk=version.pk).status == "active"


def test_the_app_role_cannot_delete_a_version(clinic):
    draft = make_version("single-infusion", active=False, author=clinic.admin)
    with (
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM protocols_protocolversion WHERE id = %s", [draft.pk])
    assert ProtocolVersion.objects.filter(pk=draft.pk).exists()


def as_owner(sql):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("RESET ROLE")
        cursor.execute(sql)
        cursor.execute(f'SET ROLE "{role}"')


def test_control_without_the_triggers_a_published_text_and_its_documents_would_change(clinic):
    as_owner("DROP TRIGGER version_text_is_fixed ON protocols_protocolversion")
    as_owner("DROP TRIGGER version_documents_are_fixed ON protocols_protocoldocument")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE protocols_protocolversion SET status = 'draft',"
            " definition = jsonb_set(definition, '{dose,mg_per_kg}', '\"0.6\"') WHERE id = %s",
            [clinic.version.pk],
        )
        cursor.execute(
            "UPDATE protocols_protocoldocument SET body = 'other' WHERE protocol_version_id = %s",
            [clinic.version.pk],
        )
    changed = ProtocolVersion.objects.get(pk=clinic.version.pk)
    assert (changed.status, changed.dose_mg_per_kg) == ("draft", Decimal("0.6"))
    assert {item.body for item in changed.documents.all()} == {"other"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("version_dose_in_range", "definition = jsonb_set(definition, '{dose,mg_per_kg}', '\"5.0\"')"),
        ("version_ceiling_in_range", "definition = jsonb_set(definition, '{dose,ceiling_mg}', '\"900\"')"),
        ("version_minutes_in_range", "definition = jsonb_set(definition, '{dose,infusion_minutes}', '5')"),
        (
            "version_observation_long_enough",
            "definition = jsonb_set(definition, '{discharge,observe_from_start_minutes}', '30')",
        ),
        ("version_number_once_per_template", "number = 1"),
        ("version_status_known", "status = 'odd'"),
    ],
)
def test_control_each_rule_refuses_and_without_it_the_harm_happens(clinic, name, change):
    draft = make_version(active=False, author=clinic.admin)
    sql = f"UPDATE protocols_protocolversion SET {change} WHERE id = %s"
    if name == "version_status_known":
        as_owner("DROP TRIGGER version_text_is_fixed ON protocols_protocolversion")
        as_owner("ALTER TABLE protocols_protocolversion DROP CONSTRAINT version_published_only_when_approved")
        as_owner("ALTER TABLE protocols_protocolversion DROP CONSTRAINT version_approval_known")
    assert refused_by(sql, [draft.pk]) == name
    as_owner(
        f"ALTER TABLE protocols_protocolversion DROP CONSTRAINT IF EXISTS {name}; DROP INDEX IF EXISTS {name}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [draft.pk])
        assert cursor.rowcount == 1


def test_control_without_the_index_two_versions_would_be_active(clinic):
    second = make_version(active=False, author=clinic.admin)
    ProtocolVersion.objects.filter(pk=second.pk).update(status="in-review")
    as_owner("DROP INDEX one_active_version_per_template")
    ProtocolVersion.objects.filter(pk=second.pk).update(
        status="active",
        approval="second-person",
        approved_by=clinic.clinician,
        approved_at=clinic.now,
        activated_at=clinic.now,
    )
    assert clinic.version.template.versions.filter(status="active").count() == 2


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["revise", "edit", "submit", "return", "approve", "retire"]),
        st.integers(0, 5),
        st.integers(121, 200),
    ),
    max_size=14,
)


def _move(template, name, choice, chair_minutes, people):
    """One act on one of the template's versions; a refusal is a fine answer."""
    versions = list(template.versions.order_by("number"))
    version = versions[choice % len(versions)]
    author, approver = people
    acts = {
        "revise": lambda: services.revise_version(version=version, by=author, change_note="Next"),
        "edit": lambda: services.update_draft(
            version=version,
            expected_version=None,
            data=replace(SINGLE_INFUSION, chair_minutes=chair_minutes),
            by=author,
        ),
        "submit": lambda: services.submit(version=version, by=author),
        "return": lambda: services.return_to_draft(version=version, by=approver, note="Look again"),
        "approve": lambda: services.approve_and_activate(
            version=version, by=approver, seen_sha256=version.sha256
        ),
        "retire": lambda: services.retire(version=version, by=author, reason="Old", running="finish"),
    }
    acts[name]()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=MOVES)
def test_one_version_is_active_and_a_published_text_never_changes(clinic, moves):
    people = make_user("protocol_admin"), make_user("clinician")
    sid = transaction.savepoint()
    try:
        [template] = [
            version.template
            for version in services.install_shipped(by=people[0])
            if version.template.slug == "single-infusion"
        ]
        pinned = {}
        for name, choice, minutes in moves:
            with contextlib.suppress(DomainError):
                _move(template, name, choice, minutes, people)
            _check_ladder(template, pinned)
    finally:
        transaction.savepoint_rollback(sid)


def _check_ladder(template, pinned):
    versions = list(template.versions.all())
    assert sum(version.status == "active" for version in versions) <= 1
    assert sum(version.status in ("draft", "in-review") for version in versions) <= 1
    for version in versions:
        assert version.sha256 == digest(version.read())
        if version.status in ProtocolVersion.PUBLISHED:
            text = canonical_text(version.read()), [item.body for item in version.documents.all()]
            assert pinned.setdefault(version.pk, text) == text
    assert set(pinned) <= {version.pk for version in versions}


def test_the_walk_above_does_publish(clinic):
    """The property would hold of a walk in which nothing ever happens: this one publishes twice."""
    people = make_user("protocol_admin"), make_user("clinician")
    template = next(
        item.template
        for item in services.install_shipped(by=people[0])
        if item.template.slug == "single-infusion"
    )
    pinned = {}
    for name, choice in [
        ("revise", 0),
        ("edit", 1),
        ("submit", 1),
        ("approve", 1),
        ("revise", 0),
        ("submit", 2),
        ("approve", 2),
        ("retire", 2),
    ]:
        _move(template, name, choice, 190, people)
        _check_ladder(template, pinned)
    assert [item.status for item in template.versions.order_by("number")] == [
        "superseded",
        "superseded",
        "retired",
    ]
    assert len(pinned) == 3


def test_dates_of_review_are_the_clinics_days(clinic, clock):
    """05:00 UTC is still the evening before in the clinic when a request has activated its zone."""
    from zoneinfo import ZoneInfo

    from django.utils import timezone

    clock.set(clock.now().replace(hour=5))
    with timezone.override(ZoneInfo(clinic.site.time_zone)):
        version = services.install_shipped(by=clinic.admin)[0]
    assert version.last_reviewed_on == date(2026, 3, 2)


def test_a_series_that_pins_a_version_reads_the_same_text_after_a_new_one_is_active(clinic):
    before = canonical_text(clinic.version.read())
    author = make_user("protocol_admin")
    draft = services.revise_version(version=clinic.version, by=author, change_note="Longer")
    for kind in ("consent", "education"):
        title, body = services.writing.standard_document(SIX_IN_THREE_WEEKS, kind)
        services.update_document(
            version=draft,
            kind=kind,
            title=title,
            body=body,
            change="notice",
            expected_version=None,
            by=author,
        )
    longer = replace(SIX_IN_THREE_WEEKS, chair_minutes=200)
    draft = services.update_draft(version=draft, expected_version=None, data=longer, by=author)
    services.submit(version=draft, by=author)
    services.approve_and_activate(version=draft, by=clinic.clinician, seen_sha256=draft.sha256)
    pinned = ProtocolVersion.objects.get(pk=clinic.version.pk)
    assert pinned.status == "superseded"
    assert canonical_text(pinned.read()) == before
