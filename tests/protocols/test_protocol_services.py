"""From draft to active and retired: rules of the services, on PostgreSQL as the app role."""

from dataclasses import replace
from decimal import Decimal

import pytest

from protocols import services
from protocols.definition_codec import digest, dump
from protocols.documents import consent_text, education_text
from protocols.library import (
    SHIPPED,
    SHIPPED_RETIRED,
    SINGLE_INFUSION,
    SIX_IN_THREE_WEEKS,
    SIX_IN_TWELVE_DAYS,
)
from protocols.models import ProtocolTemplate, ProtocolVersion
from staff.errors import InvalidInput, RuleNotMet, StaleVersion, StateConflict
from tests.factories import make_user

LONGER = replace(SIX_IN_THREE_WEEKS, chair_minutes=200)


@pytest.fixture
def author(clinic):
    return make_user("protocol_admin", sites=[clinic.site], full_name="Ada Author")


@pytest.fixture
def draft(clinic, author):
    return services.revise_version(version=clinic.version, by=author, change_note="Longer stay")


@pytest.fixture
def ready(clinic, author, draft):
    """A draft with complete documents, submitted."""
    for kind in ("consent", "education"):
        title, body = services.writing.standard_document(LONGER, kind)
        services.update_document(
            version=draft,
            kind=kind,
            title=title,
            body=body,
            change="notice",
            expected_version=None,
            by=author,
        )
    draft = services.update_draft(version=draft, expected_version=None, data=LONGER, by=author)
    return services.submit(version=draft, by=author)


def approve(version, by, **over):
    return services.approve_and_activate(version=version, by=by, **({"seen_sha256": version.sha256} | over))


def reload(version):
    return ProtocolVersion.objects.get(pk=version.pk)


def test_a_template_has_one_address_for_ever(clinic, author):
    template = services.create_template(slug="weekly", name="Weekly", by=author)
    assert (template.name, template.created_at) == ("Weekly", clinic.now)
    with pytest.raises(StateConflict):
        services.create_template(slug="weekly", name="Other", by=author)
    for slug in ("", "Weekly", "a b", "-a", "new", "x" * 51, "a\x00", None):
        with pytest.raises(InvalidInput) as refused:
            services.create_template(slug=slug, name="Other", by=author)
        assert refused.value.field == "slug"


def test_a_first_draft_has_its_text_hash_and_documents(author, clinic):
    template = services.create_template(slug="weekly", name="Weekly", by=author)
    draft = services.create_draft(template=template, definition=dump(SINGLE_INFUSION), by=author)
    assert (draft.number, draft.status, draft.author) == (1, "draft", author)
    assert draft.sha256 == digest(SINGLE_INFUSION)
    assert reload(draft).read() == SINGLE_INFUSION
    bodies = {item.kind: item.body for item in draft.documents.all()}
    assert bodies["consent"] == consent_text(SINGLE_INFUSION)
    assert set(bodies) == {"consent", "education"}


def test_a_revision_copies_text_and_documents_and_leaves_the_published_one_alone(clinic, draft):
    published = reload(clinic.version)
    assert (draft.number, draft.status, draft.sha256) == (2, "draft", published.sha256)
    assert (published.status, published.definition, published.version) == (
        "active",
        clinic.version.definition,
        clinic.version.version,
    )
    copied = [(item.kind, item.title, item.body) for item in draft.documents.all()]
    assert copied == [(item.kind, item.title, item.body) for item in published.documents.all()]


def test_there_is_one_open_draft_at_a_time(clinic, author, draft):
    with pytest.raises(StateConflict) as refused:
        services.revise_version(version=clinic.version, by=author)
    assert refused.value.code == "draft-open"
    with pytest.raises(StateConflict):
        services.revise_version(version=draft, by=author)
    assert clinic.version.template.versions.count() == 2


def test_a_draft_is_replaced_whole_and_the_standard_documents_follow_its_numbers(author, clinic):
    template = services.create_template(slug="weekly", name="Weekly", by=author)
    draft = services.create_draft(template=template, definition=SINGLE_INFUSION, by=author)
    services.update_document(
        version=draft,
        kind="education",
        title="Ours",
        body="Our words",
        change="notice",
        expected_version=1,
        by=author,
    )
    stronger = replace(SINGLE_INFUSION, dose=replace(SINGLE_INFUSION.dose, mg_per_kg=Decimal("0.6")))
    changed = services.update_draft(version=draft, expected_version=2, data=stronger, by=author)
    assert (changed.version, changed.sha256, changed.dose_mg_per_kg) == (3, digest(stronger), Decimal("0.6"))
    bodies = {item.kind: item.body for item in changed.documents.all()}
    assert "0.6 mg for each kg" in bodies["consent"]
    assert bodies["education"] == "Our words"


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("dose", "mg_per_kg"), "1.1", "definition.dose.mg_per_kg"),
        (("dose", "mg_per_kg"), "NaN", "definition.dose.mg_per_kg"),
        (("dose", "mg_per_kg"), 0.5, "definition.dose.mg_per_kg"),
        (("dose", "infusion_minutes"), True, "definition.dose.infusion_minutes"),
        (("dose", "ceiling_mg"), "201", "definition.dose.ceiling_mg"),
        (("discharge", "observe_from_start_minutes"), 119, "definition.discharge.observe_from_start_minutes"),
        (("chair_minutes",), 10**30, "definition.chair_minutes"),
        (("title",), "a\x00", "definition.title"),
        (("colour",), "red", "definition.colour"),
    ],
)
def test_a_text_that_breaks_a_rule_is_refused_at_its_field_and_nothing_is_written(
    clinic, author, draft, path, value, field
):
    data = dump(SIX_IN_THREE_WEEKS)
    holder = data[path[0]] if len(path) == 2 else data
    holder[path[-1]] = value
    before = ProtocolVersion.objects.filter(pk=draft.pk).values().get()
    with pytest.raises(InvalidInput) as refused:
        services.update_draft(version=draft, expected_version=1, data=data, by=author)
    assert refused.value.field == field
    assert ProtocolVersion.objects.filter(pk=draft.pk).values().get() == before


def test_a_stale_or_published_draft_is_not_written(clinic, author, draft):
    services.update_draft(version=draft, expected_version=1, data=LONGER, by=author)
    with pytest.raises(StaleVersion):
        services.update_draft(version=draft, expected_version=1, data=SIX_IN_TWELVE_DAYS, by=author)
    with pytest.raises(StateConflict):
        services.update_draft(version=clinic.version, expected_version=None, data=LONGER, by=author)
    assert reload(draft).read() == LONGER


def test_submission_needs_a_complete_consent_and_a_note_on_what_changed(clinic, author, draft):
    with pytest.raises(RuleNotMet) as refused:
        services.submit(version=draft, by=author)
    assert (refused.value.code, refused.value.field) == ("consent-incomplete", "consent")
    assert "off-label" in refused.value.message
    services.update_document(
        version=draft, kind="consent", title="Consent", body=consent_text(LONGER), change="material",
        expected_version=None, by=author,
    )  # fmt: skip
    services.update_draft(version=draft, expected_version=None, data=LONGER, change_note="", by=author)
    with pytest.raises(RuleNotMet) as refused:
        services.submit(version=draft, by=author)
    assert refused.value.code == "no-change-note"
    services.update_draft(version=draft, expected_version=None, data=LONGER, change_note="Why", by=author)
    with pytest.raises(RuleNotMet) as refused:
        services.submit(version=draft, by=author)
    assert (refused.value.code, refused.value.field) == ("review-blocks", "education")
    services.update_document(
        version=draft, kind="education", title="Education", body=education_text(LONGER), change="material",
        expected_version=None, by=author,
    )  # fmt: skip
    sent = services.submit(version=draft, by=author)
    assert (sent.status, sent.submitted_at) == ("in-review", clinic.now)
    with pytest.raises(StateConflict):
        services.submit(version=draft, by=author)


def test_a_second_person_makes_it_active_and_supersedes_the_old_one(clinic, ready):
    done = approve(ready, clinic.admin)
    assert (done.status, done.approval, done.approved_by) == ("active", "second-person", clinic.admin)
    assert done.approved_at == done.activated_at == clinic.now
    assert (done.next_review_on - done.last_reviewed_on).days == 365
    assert reload(clinic.version).status == "superseded"
    assert clinic.version.template.versions.filter(status="active").count() == 1
    with pytest.raises(StateConflict):
        approve(ready, clinic.admin)


def test_the_author_waits_a_day_and_is_marked(clinic, clock, author, ready):
    with pytest.raises(RuleNotMet) as refused:
        approve(ready, author)
    assert refused.value.code == "wait-or-second-person"
    clock.advance(hours=23, minutes=59)
    with pytest.raises(RuleNotMet):
        approve(ready, author)
    clock.advance(minutes=1)
    assert approve(ready, author).approval == "sole"


def test_whoever_wrote_any_of_it_is_no_second_person(clinic, author, ready):
    services.return_to_draft(version=ready, by=clinic.admin, note="Shorter")
    services.update_draft(version=ready, expected_version=None, data=SIX_IN_TWELVE_DAYS, by=clinic.admin)
    services.submit(version=ready, by=clinic.admin)
    again = reload(ready)
    assert again.author == clinic.admin
    for person in (author, clinic.admin):
        with pytest.raises(RuleNotMet):
            approve(again, person)
    assert approve(again, clinic.clinician).approval == "second-person"


def test_the_signature_is_on_the_text_that_was_read(clinic, ready):
    for seen in ("", "0" * 64, clinic.version.sha256):
        with pytest.raises(RuleNotMet) as refused:
            approve(ready, clinic.admin, seen_sha256=seen)
        assert refused.value.code == "other-text"
    with pytest.raises(StaleVersion):
        approve(ready, clinic.admin, expected_version=ready.version + 1)
    assert reload(ready).status == "in-review"


def test_a_returned_text_says_why_until_it_is_changed(clinic, author, ready):
    with pytest.raises(InvalidInput):
        services.return_to_draft(version=ready, by=clinic.admin, note=" ")
    back = services.return_to_draft(version=ready, by=clinic.admin, note="Cite the source")
    assert (back.status, back.submitted_at, back.returned_note) == ("draft", None, "Cite the source")
    with pytest.raises(StateConflict):
        services.return_to_draft(version=ready, by=clinic.admin, note="Again")
    again = services.update_draft(version=ready, expected_version=None, data=LONGER, by=author)
    assert again.returned_note == ""


def test_retiring_keeps_the_text_and_needs_a_reason(clinic, author, ready):
    with pytest.raises(StateConflict):
        services.retire(version=ready, by=author, reason="Wrong", running="finish")
    with pytest.raises(InvalidInput):
        services.retire(version=clinic.version, by=author, reason="", running="finish")
    gone = services.retire(version=clinic.version, by=author, reason="Not used", running="finish")
    assert (gone.status, gone.retired_at, gone.definition) == (
        "retired",
        clinic.now,
        clinic.version.definition,
    )
    last = gone.events.select_related("pgh_context").order_by("pgh_id").last()
    assert last.pgh_context.metadata == {"user": author.pk, "reason": "Not used"}
    with pytest.raises(StateConflict):
        services.retire(version=clinic.version, by=author, reason="Again", running="finish")


def test_the_shipped_texts_are_installed_once(clinic, author):
    installed = services.install_shipped(by=author)
    assert {version.template.slug for version in installed} == set(SHIPPED) - {clinic.version.template.slug}
    for version in installed:
        stored = reload(version)
        status = "retired" if version.template.slug in SHIPPED_RETIRED else "active"
        assert (stored.status, stored.approval, stored.approved_by) == (status, "shipped", author)
        assert stored.read() == SHIPPED[version.template.slug]
        assert stored.documents.count() == 2
    assert services.install_shipped(by=author) == []
    assert ProtocolTemplate.objects.count() == len(SHIPPED)
