"""Six questions per page: works, anonymous, wrong role, wrong method, bad input, repeated POST."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from protocols import services
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.models import ProtocolDocument, ProtocolTemplate, ProtocolVersion
from protocols.sheet import to_sheet
from tests.factories import make_user, make_version
from tests.protocols.posting import form_of

SLUG = "six-in-three-weeks"
PASSWORD = "a long enough password"
READING = ("protocol_list", "protocol_detail", "version_detail", "version_document")
WRITING = ("protocol_new", "version_edit", "version_revise", "document_edit")
REVIEW = ("version_submit", "version_return", "version_approve", "version_retire")


@pytest.fixture
def world(clinic):
    """Version 1 active, a draft 1 and a submitted version 1 of two other protocols."""
    author = make_user("protocol_admin", sites=[clinic.site], full_name="Ada Author")
    made = {}
    for slug in ("drafted", "submitted"):
        template = services.create_template(slug=slug, name=slug.title(), by=author)
        made[slug] = services.create_draft(template=template, definition=SIX_IN_THREE_WEEKS, by=author)
    made["submitted"] = services.submit(version=made["submitted"], by=author)
    return made | {"active": clinic.version, "author": author}


def place(name):
    """Which version a page is tried on, and its address."""
    which = {
        "version_edit": "drafted",
        "document_edit": "drafted",
        "version_submit": "drafted",
        "version_return": "submitted",
        "version_approve": "submitted",
    }.get(name, "active")
    slug = SLUG if which == "active" else which
    if name in ("protocol_list", "protocol_new"):
        return which, reverse(name)
    args = [slug] if name == "protocol_detail" else [slug, 1]
    return which, reverse(name, args=[*args, "consent"] if "document" in name else args)


def payload(name, world):
    version = world[place(name)[0]]
    text = form_of(to_sheet(version.read()))
    return {
        "protocol_new": {"name": "Weekly", "slug": "weekly", "summary": "", "start": "single-infusion"},
        "version_edit": text | {"dose.mg_per_kg": "0,6", "change_note": "More", "version": version.version},
        "version_revise": {"version": version.version, "change_note": "Longer"},
        "document_edit": {"title": "T", "body": "Words", "change": "notice", "version": version.version},
        "version_return": {"version": version.version, "note": "Cite the source"},
        "version_approve": {"version": version.version, "sha256": version.sha256, "read": "on"},
        "version_retire": {"version": version.version, "reason": "Not used", "running": "finish"},
    }.get(name, {"version": version.version})


def state():
    return [
        list(ProtocolTemplate.objects.order_by("pk").values()),
        list(ProtocolVersion.objects.order_by("pk").values()),
        list(ProtocolDocument.objects.order_by("pk").values()),
    ]


def sign_in(client, user, *, password_again=True):
    """Signed in; with the password given again just now, as approving needs it."""
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    client.force_login(user)
    if password_again:
        given = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        assert given.status_code == 302


@pytest.mark.parametrize("name", READING + WRITING + REVIEW)
def test_it_works(client, clinic, world, name):
    sign_in(client, clinic.admin)
    url = place(name)[1]
    assert client.get(url).status_code == 200
    if name not in READING:
        before = state()
        assert client.post(url, payload(name, world)).status_code == 302
        assert state() != before


@pytest.mark.parametrize("name", READING + WRITING + REVIEW)
def test_a_visitor_is_sent_to_sign_in(client, clinic, world, name):
    before = state()
    for method in (client.get,) if name in READING else (client.get, client.post):
        answer = method(place(name)[1])
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
    assert state() == before


@pytest.mark.parametrize("name", WRITING + REVIEW)
def test_a_nurse_reads_but_does_not_write(client, clinic, world, name):
    sign_in(client, clinic.nurse)
    before = state()
    assert client.post(place(name)[1], payload(name, world)).status_code == 403
    assert state() == before


@pytest.mark.parametrize("name", ["protocol_new", "version_edit", "version_submit", "version_retire"])
def test_a_clinician_approves_but_does_not_write(client, clinic, world, name):
    sign_in(client, clinic.clinician)
    assert client.post(place(name)[1], payload(name, world)).status_code == 403


@pytest.mark.parametrize("name", READING)
def test_someone_without_any_role_reads_nothing(client, clinic, world, name):
    client.force_login(make_user(sites=[clinic.site]))
    assert client.get(place(name)[1]).status_code == 403


def test_drafts_do_not_exist_for_those_who_neither_write_nor_approve(client, clinic, world):
    for user, status in [
        (clinic.nurse, 404),
        (clinic.therapist, 404),
        (clinic.clinician, 200),
        (clinic.admin, 200),
    ]:
        client.force_login(user)
        for slug in ("drafted", "submitted"):
            for url in (
                reverse("version_detail", args=[slug, 1]),
                reverse("version_document", args=[slug, 1, "consent"]),
                reverse("protocol_detail", args=[slug]),
            ):
                assert client.get(url).status_code == status
        assert ("drafted" in client.get(reverse("protocol_list")).content.decode()) is (status == 200)


def test_what_is_not_there_is_not_found(client, clinic, world):
    client.force_login(clinic.admin)
    for url in (
        reverse("protocol_detail", args=["nothing"]),
        reverse("version_detail", args=[SLUG, 9]),
        reverse("version_detail", args=[SLUG, 10**30]),
        f"/protocols/{SLUG}/v/1/leaflet/",
    ):
        assert client.get(url).status_code == 404


@pytest.mark.parametrize("name", READING + WRITING + REVIEW)
def test_other_methods_are_refused(client, clinic, world, name):
    sign_in(client, clinic.admin)
    refused = ["put", "patch", "delete", *(["post"] if name in READING else [])]
    for method in refused:
        assert getattr(client, method)(place(name)[1]).status_code == 405


BAD = [
    ("protocol_new", {"slug": "Not A Slug"}, "slug"),
    ("protocol_new", {"slug": SLUG}, "slug"),
    ("protocol_new", {"slug": "new"}, "slug"),
    ("protocol_new", {"name": "a\x00b"}, "name"),
    ("protocol_new", {"start": "other"}, "start"),
    ("document_edit", {"body": ""}, "body"),
    ("document_edit", {"change": "whatever"}, "change"),
    ("document_edit", {"body": "x" * 40_001}, "body"),
    ("version_return", {"note": " "}, "note"),
    ("version_approve", {"read": ""}, "read"),
    ("version_approve", {"sha256": ""}, "sha256"),
    ("version_retire", {"reason": "a\x00"}, "reason"),
    ("version_revise", {"change_note": "x" * 501}, "change_note"),
]


@pytest.mark.parametrize(("name", "over", "field"), BAD)
def test_bad_input_names_its_field_and_changes_nothing(client, clinic, world, name, over, field):
    sign_in(client, clinic.admin)
    before = state()
    answer = client.post(place(name)[1], payload(name, world) | over)
    assert answer.status_code in (422, 409)
    assert field in answer.context["form"].errors
    assert state() == before


@pytest.mark.parametrize("name", WRITING + REVIEW)
def test_the_same_post_twice_does_it_once(client, clinic, world, name):
    sign_in(client, clinic.admin)
    url, data = place(name)[1], payload(name, world)
    assert client.post(url, data).status_code == 302
    once = state()
    assert client.post(url, data).status_code in ((302,) if name == "version_edit" else (409, 412, 422))
    assert state() == once


def test_approving_asks_for_the_password_again(client, clinic, world):
    sign_in(client, clinic.admin, password_again=False)
    url = place("version_approve")[1]
    assert client.get(url).status_code == 200
    answer = client.post(url, payload("version_approve", world))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert ProtocolVersion.objects.get(pk=world["submitted"].pk).status == "in-review"
    resumed = client.post(answer["Location"], {"password": PASSWORD})
    assert resumed.status_code == 302
    assert ProtocolVersion.objects.get(pk=world["submitted"].pk).status == "active"


def test_an_account_without_a_password_cannot_sign(client, clinic, world):
    clinic.admin.set_unusable_password()
    clinic.admin.save(update_fields=["password"])
    client.force_login(clinic.admin)
    assert client.post(place("version_approve")[1], payload("version_approve", world)).status_code == 403
    assert ProtocolVersion.objects.get(pk=world["submitted"].pk).status == "in-review"


def test_a_wrong_password_approves_nothing(client, clinic, world):
    sign_in(client, clinic.admin, password_again=False)
    answer = client.post(place("version_approve")[1], payload("version_approve", world))
    client.post(answer["Location"], {"password": "another password"})
    assert ProtocolVersion.objects.get(pk=world["submitted"].pk).status == "in-review"


def test_the_author_is_told_to_wait_for_a_second_person(client, clinic, world):
    sign_in(client, world["author"])
    assert "Another person should approve it" in client.get(place("version_approve")[1]).content.decode()
    answer = client.post(place("version_approve")[1], payload("version_approve", world))
    assert answer.status_code == 422
    assert "Another person approves it" in answer.content.decode()


def test_a_published_version_has_no_page_to_edit_it(client, clinic, world):
    sign_in(client, clinic.admin)
    for url in (reverse("version_edit", args=[SLUG, 1]), reverse("document_edit", args=[SLUG, 1, "consent"])):
        assert client.get(url).status_code == 409
        assert client.post(url, payload("version_edit", world)).status_code == 409


def test_the_version_page_says_everything_in_clinical_words(client, clinic, world):
    client.force_login(clinic.therapist)
    page = client.get(reverse("version_detail", args=[SLUG, 1])).content.decode()
    for words in (
        "0.5 mg/kg", "60 mg; above it a second prescriber signs", "below 20 ng/mL", "84 h (3.5 days)",
        "Infusion nurse: minute 0 to 160", "Walks steadily", "Evidence grade D for the window itself",
        "Post-infusion therapy 1 (integration)", "Price 2022 AJP", "20:30 the same day",
    ):  # fmt: skip
        assert words in page
    read = re.sub(r"<[^>]*>", " ", page)  # what a person reads: machine times stand in attributes
    for internal in ("T0", "P95", "T_pk", "provisional", "blackout"):
        assert internal not in read


def test_a_draft_shows_what_changed_and_who_may_act(client, clinic):
    draft = services.revise_version(version=clinic.version, by=clinic.admin, change_note="Longer stay")
    text = form_of(to_sheet(draft.read())) | {
        "chair_minutes": "175",
        "change_note": "Longer stay",
        "version": 1,
    }
    sign_in(client, clinic.admin)
    client.post(reverse("version_edit", args=[SLUG, 2]), text)
    page = client.get(reverse("version_detail", args=[SLUG, 2])).content.decode()
    assert "Changes against version 1: 1" in page
    assert "Chair minutes" in page
    assert "175" in page
    assert "Submit for approval" in page
    client.force_login(clinic.clinician)
    page = client.get(reverse("version_detail", args=[SLUG, 2])).content.decode()
    assert "Submit for approval" not in page


def test_a_document_says_what_is_missing_from_it(client, clinic, world):
    client.force_login(clinic.admin)
    url = reverse("version_document", args=["drafted", 1, "consent"])
    assert "does not say everything" not in client.get(url).content.decode()
    services.update_document(
        version=world["drafted"], kind="consent", title="T", body="Sign here <b>now</b>", change="notice",
        expected_version=None, by=world["author"],
    )  # fmt: skip
    page = client.get(url).content.decode()
    assert "does not say everything" in page
    assert "the bladder risk" in page
    assert "<b>now</b>" not in page


def test_an_overdue_review_is_flagged(client, clinic, clock):
    ProtocolVersion.objects.filter(pk=clinic.version.pk).update(
        last_reviewed_on="2025-03-02", next_review_on="2026-03-02"
    )
    client.force_login(clinic.nurse)
    assert "Review overdue" in client.get(reverse("protocol_list")).content.decode()
    assert "Review overdue" in client.get(reverse("protocol_detail", args=[SLUG])).content.decode()


def queries(client, url):
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


def test_the_list_needs_the_same_queries_for_one_protocol_and_three(client, clinic):
    client.force_login(clinic.admin)
    url = reverse("protocol_list")
    client.get(url)
    for_one = queries(client, url)
    for slug in ("single-infusion", "six-in-twelve-days"):
        make_version(slug, author=clinic.admin)
    services.revise_version(version=clinic.version, by=clinic.admin)
    assert queries(client, url) == for_one <= 12
    assert queries(client, reverse("protocol_detail", args=[SLUG])) <= 12
