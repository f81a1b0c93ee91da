"""The author marks a new text as material or notice, the approver confirms or changes it; only material asks again."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from protocols import services as protocols
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.models import ProtocolDocument
from sessions.services.readiness import start_gate
from staff.clock import app_now
from staff.errors import InvalidInput
from tests import factories
from tests.scheduling.booking.test_version_moves import sign_in
from tests.sessions import world

pytestmark = pytest.mark.django_db


def submitted(clinic, author, mark):
    """A second version whose texts the author marks."""
    draft = protocols.revise_version(version=clinic.version, by=author, change_note="Newer texts")
    for kind in ("consent", "education"):
        title, body = protocols.writing.standard_document(SIX_IN_THREE_WEEKS, kind)
        draft = protocols.update_document(
            version=draft, kind=kind, title=title, body=f"{body}\n\nMore about bladder checks.", change=mark,
            expected_version=None, by=author,
        ).protocol_version  # fmt: skip
    draft.refresh_from_db()
    return protocols.submit(version=draft, by=author)


@pytest.fixture
def author(clinic):
    return factories.make_user("protocol_admin", sites=[clinic.site])


def approve(clinic, version, **over):
    return protocols.approve_and_activate(
        version=version, by=clinic.admin, seen_sha256=version.sha256, **over
    )


@pytest.mark.parametrize(
    ("mark", "changes", "asked_again"),
    [
        ("material", {}, True),
        ("notice", {}, False),
        ("notice", {"consent": "material", "education": "material"}, True),
        ("material", {"consent": "notice", "education": "notice"}, False),
    ],
)
def test_what_the_approver_says_decides_whether_patients_consent_again(
    clinic, author, mark, changes, asked_again
):
    world.consented(clinic)
    version = approve(clinic, submitted(clinic, author, mark), changes=changes, change_reason="Read it again")
    infusion = world.arrived(clinic, protocol_version=version)
    open_now = {item.code for item in start_gate(infusion, app_now()).blocks}
    assert ({"consent", "education"} <= open_now) is asked_again
    for document in version.documents.all():
        assert (document.author_change, document.change_decided_by) == (mark, clinic.admin)
        assert document.change == changes.get(document.kind, mark)
        assert bool(document.change_reason) is (document.change != mark)


def test_another_mark_than_the_authors_needs_a_reason_and_a_wrong_one_is_refused(clinic, author):
    version = submitted(clinic, author, "material")
    for changes, field in (
        ({"consent": "notice"}, "change_reason"),
        ({"consent": "perhaps"}, "consent_change"),
    ):
        with pytest.raises(InvalidInput) as refused:
            approve(clinic, version, changes=changes)
        assert refused.value.field == field
    version.refresh_from_db()
    assert version.status == "in-review"
    assert set(version.documents.values_list("author_change", flat=True)) == {""}


def test_in_review_only_the_mark_may_change_and_afterwards_nothing(clinic, author):
    version = submitted(clinic, author, "material")
    rows = ProtocolDocument.objects.filter(protocol_version=version)
    with pytest.raises(IntegrityError, match="are fixed"), transaction.atomic():
        rows.update(body="Other words")
    with pytest.raises(IntegrityError, match="says_why"), transaction.atomic():
        rows.update(change="notice", author_change="material", change_decided_by=clinic.admin)
    approve(clinic, version)
    with pytest.raises(IntegrityError, match="are fixed"), transaction.atomic():
        rows.update(change="notice")


def test_the_page_asks_and_the_version_says_who_changed_it(client, clinic, author):
    version = submitted(clinic, author, "material")
    sign_in(client, clinic.admin)
    url = reverse("version_approve", args=[version.template.slug, version.number])
    page = client.get(url).content.decode()
    assert "What the consent text asks of patients" in page
    data = {"version": version.version, "sha256": version.sha256, "read": "on", "consent_change": "notice"}
    assert client.post(url, data).status_code == 422
    assert client.post(url, data | {"change_reason": "Only a comma"}).status_code == 302
    shown = client.get(
        reverse("version_detail", args=[version.template.slug, version.number])
    ).content.decode()
    assert "the author had marked" in shown
    assert "Only a comma" in shown
    assert "confirmed by" in shown
