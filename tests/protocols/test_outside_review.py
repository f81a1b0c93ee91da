"""An outside reviewer approves or returns a text by a signed link: service, database, the admin's and the reviewer's page."""

import re
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from protocols import services
from protocols.library import SHIPPED_RETIRED, SIX_IN_THREE_WEEKS
from protocols.models import OutsideReview, ProtocolVersion
from protocols.services import shipped
from protocols.services.outside import text_fingerprint, token_of
from staff.errors import DomainError, InvalidInput, RuleNotMet, StateConflict
from tests.factories import make_licence, make_user
from tests.protocols.test_version_rules import as_owner

pytestmark = pytest.mark.django_db
WHO = {"name": "Prof. Iris Outside", "email": "iris@elsewhere.example"}
SIGNED = {"signed_name": "Iris Outside", "registration": "GMC 7654321"}


@pytest.fixture
def author(clinic):
    return make_user("protocol_admin", sites=[clinic.site], full_name="Ada Author")


@pytest.fixture
def waiting(author):
    """A text in review, of an author who has no colleague to ask."""
    template = services.create_template(slug="asked", name="Asked", by=author)
    draft = services.create_draft(template=template, definition=SIX_IN_THREE_WEEKS, by=author)
    return services.submit(version=draft, by=author)


@pytest.fixture
def review(waiting, author):
    return services.ask_outside(version=waiting, by=author, **WHO)


def answer(review, **over):
    fields = {"answer": "approved", "seen_sha256": review.text_sha256} | SIGNED
    return services.answer_outside(review=OutsideReview.objects.get(pk=review.pk), **(fields | over))


def reload(version):
    return ProtocolVersion.objects.with_people().get(pk=version.pk)


def refused_by(sql, params=()):
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    return caught.value.__cause__.diag.constraint_name


def test_approved_once_bound_to_the_whole_text_and_named(waiting, review):
    assert OutsideReview.objects.get().token_hash != token_of(review.code)
    answer(review)
    found = reload(waiting)
    assert (found.status, found.approval, found.approved_by) == ("active", "outside", None)
    assert found.outside_signer == "Iris Outside, GMC 7654321"
    assert found.outside_approval.text_sha256 == text_fingerprint(found)
    with pytest.raises(StateConflict, match="was used"):
        answer(review)


def test_returned_with_remarks_goes_to_the_author(waiting, review):
    with pytest.raises(InvalidInput):
        answer(review, answer="returned")
    answer(review, answer="returned", remarks="Cite the interval.")
    found = reload(waiting)
    assert found.status == "draft"
    assert found.returned_note == "Cite the interval. (Iris Outside, GMC 7654321)"


@pytest.mark.parametrize("over", [
    {"signed_name": " "}, {"registration": ""}, {"answer": "perhaps"}, {"seen_sha256": "0" * 64},
    {"remarks": "x" * 501}, {"signed_name": "a\x00b"},
])  # fmt: skip
def test_what_is_missing_or_wrong_changes_nothing(waiting, review, over):
    with pytest.raises(DomainError):
        answer(review, **over)
    assert reload(waiting).status == "in-review"
    assert OutsideReview.objects.get().answered_at is None


def test_a_link_dies_with_the_text_it_was_sent_for(waiting, review, author, clock):
    services.return_to_draft(version=waiting, by=author, note="A number is wrong.")
    services.submit(version=reload(waiting), by=author)
    with pytest.raises(StateConflict, match="no longer waiting"):
        answer(review)
    second = services.ask_outside(version=reload(waiting), by=author, **WHO)
    with pytest.raises(StateConflict) as twice:
        services.ask_outside(version=reload(waiting), by=author, **WHO)
    assert twice.value.code == "link-open"
    services.take_back(review=second, by=author)
    services.take_back(review=second, by=author)
    with pytest.raises(StateConflict):
        answer(second)
    third = services.ask_outside(version=reload(waiting), by=author, days=7, **WHO)
    clock.set(third.expires_at)
    with pytest.raises(StateConflict, match="run out"):
        answer(third)
    assert reload(waiting).status == "in-review"


def test_nobody_of_the_staff_is_an_outside_reviewer(waiting, author, clinic):
    for email in (author.email.upper(), clinic.nurse.email):
        with pytest.raises(RuleNotMet) as refusal:
            services.ask_outside(version=waiting, by=author, name="Me", email=email)
        assert refusal.value.code == "reviewer-is-staff"
    old = author.email
    type(author).objects.filter(pk=author.pk).update(email="new@clinic.example")
    local, host = old.split("@")
    for email in (old, f"{local}+review@{host}", "New+x@clinic.example"):
        with pytest.raises(RuleNotMet) as refusal:
            services.ask_outside(version=waiting, by=author, name="Me", email=email)
        assert refusal.value.code == "reviewer-is-staff", email
    for name in ("Ada Author", "author, ada", "Dr. Ada  AUTHOR, MD"):
        with pytest.raises(RuleNotMet) as refusal:
            services.ask_outside(version=waiting, by=author, name=name, email="private@home.example")
        assert (refusal.value.code, refusal.value.field) == ("reviewer-is-author", "name")
    for wrong in ({"email": "nobody"}, {"name": " "}, {"days": 1000}):
        with pytest.raises(InvalidInput):
            services.ask_outside(version=waiting, by=author, **(WHO | wrong))
    with pytest.raises(StateConflict):
        services.ask_outside(version=clinic.version, by=author, **WHO)


def test_the_author_signs_under_no_name_and_no_number_of_their_own(waiting, review, author):
    make_licence(author, number="GMC-123 4567", profession="prescriber")
    for over, field in (
        ({"signed_name": "Prof. Author Ada"}, "signed_name"),
        ({"registration": "no. gmc1234567"}, "registration"),
    ):
        with pytest.raises(RuleNotMet) as refusal:
            answer(review, **over)
        assert (refusal.value.code, refusal.value.field) == ("reviewer-is-author", field)
        fields = SIGNED | over
        sql = """UPDATE protocols_outsidereview SET answered_at = app_now(), answer = 'approved', signed_name = %s,
            registration = %s"""
        named = refused_by(sql, [fields["signed_name"], fields["registration"]])
        assert named == "outside_reviewer_is_outside"
    assert reload(waiting).status == "in-review"


def test_only_the_texts_of_this_release_are_installed_as_shipped(clinic):
    services.install_shipped(by=clinic.admin)
    with connection.cursor() as cursor:
        cursor.execute("""SELECT t.slug, text_fingerprint(v.id), text_fingerprint(v.id) = ANY (shipped_fingerprints())
            FROM protocols_protocolversion v JOIN protocols_protocoltemplate t ON t.id = v.template_id
            WHERE v.number = 1 AND t.slug <> 'six-in-three-weeks'""")
        others = [row for row in cursor.fetchall() if not row[2]]
    assert not others, "a shipped text was changed: replace shipped_fingerprints() in a new migration"
    template = services.create_template(slug="own", name="Own", by=clinic.admin)
    draft = services.create_draft(template=template, definition=SIX_IN_THREE_WEEKS, by=clinic.admin)
    ProtocolVersion.objects.filter(pk=draft.pk).update(status="in-review")
    as_shipped = f"{ACTIVE}approval = 'shipped', approved_by_id = %s WHERE id = %s"
    assert refused_by(as_shipped, [clinic.admin.pk, draft.pk]) == "version_author_does_not_approve"


def test_a_text_shipped_for_reading_only_is_active_for_nobody(clinic, monkeypatch):
    """Whoever skips its retirement is stopped at the end of the transaction, by the database."""
    monkeypatch.setattr(shipped, "SHIPPED_RETIRED", {})
    services.install_shipped(by=clinic.admin)
    with connection.cursor() as cursor:
        cursor.execute("""SELECT array_agg(text_fingerprint(v.id)) = shipped_retired_fingerprints()
            FROM protocols_protocolversion v JOIN protocols_protocoltemplate t ON t.id = v.template_id
            WHERE t.slug = ANY (%s)""", [list(SHIPPED_RETIRED)])  # fmt: skip
        assert cursor.fetchone() == (True,)
    assert refused_by("SET CONSTRAINTS ALL IMMEDIATE") == "shipped_retired_stays_retired"
    retired = ProtocolVersion.objects.get(template__slug__in=SHIPPED_RETIRED)
    services.retire(version=retired, reason="Another condition.", running="finish", by=clinic.admin)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


ACTIVE = "UPDATE protocols_protocolversion SET status = 'active', approved_at = app_now(), activated_at = app_now(), "


def test_the_database_refuses_an_approval_by_the_author_however_it_comes(waiting, author, clinic, review):
    """Second person, by an earlier author, as shipped, as an outside reviewer without an answer, or as nothing."""
    for rest in (
        "approval = 'second-person', approved_by_id = %s", "approval = 'shipped', approved_by_id = %s",
        "approval = 'outside', approved_by_id = %s",
    ):  # fmt: skip
        named = refused_by(f"{ACTIVE}{rest} WHERE id = %s", [author.pk, waiting.pk])
        assert named in ("version_author_does_not_approve", "version_author_is_not_second_person")
    assert refused_by(f"{ACTIVE}approval = 'outside' WHERE id = %s", [waiting.pk]) == (
        "version_author_does_not_approve"
    )
    for approval in ("", "myself"):
        named = refused_by(
            f"{ACTIVE}approval = %s, approved_by_id = %s WHERE id = %s", [approval, author.pk, waiting.pk]
        )
        assert named == "version_approval_known"
    services.return_to_draft(version=waiting, by=author, note="Again")
    other = make_user("protocol_admin", sites=[clinic.site])
    text = {**reload(waiting).definition, "source": "Another source"}
    services.update_draft(version=reload(waiting), expected_version=None, data=text, by=other)
    services.submit(version=reload(waiting), by=other)
    assert (
        refused_by(
            f"{ACTIVE}approval = 'second-person', approved_by_id = %s WHERE id = %s", [author.pk, waiting.pk]
        )
        == "version_author_does_not_approve"
    ), "an earlier author"
    copy = """INSERT INTO protocols_protocolversion (code, template_id, number, status, definition, sha256, change_note,
        author_id, approved_by_id, approval, returned_note, running_series, created_at, approved_at, activated_at, version)
        SELECT gen_random_uuid(), template_id, 77, 'superseded', definition, sha256, '', author_id, %s, 'sole', '', '',
        created_at, app_now(), app_now(), 1 FROM protocols_protocolversion WHERE id = %s"""
    assert refused_by(copy, [author.pk, waiting.pk]) == "version_begins_as_draft"


def test_the_database_keeps_what_was_sent_and_signed(waiting, review, author):
    table = "protocols_outsidereview"
    for change, named in (
        ("email = 'other@elsewhere.example'", "outside_review_is_fixed"),
        ("sha256 = repeat('0', 64)", "outside_review_is_fixed"),
        ("answered_at = app_now(), answer = 'approved'", "outside_reviewer_says_who"),
        ("answered_at = app_now(), answer = 'returned', signed_name = 'A', registration = 'B'", "outside_return_says_why"),
        ("answered_at = app_now(), answer = ''", "outside_answer_known"),
        ("answered_at = expires_at, answer = 'approved', signed_name = 'A', registration = 'B'", "outside_answer_in_time"),
        ("answered_at = app_now(), answer = 'approved', signed_name = 'A', registration = 'B', ended_at = app_now()",
         "outside_answered_or_ended"),
        ("token_hash = 'plain'", "outside_token_is_hashed"),
    ):  # fmt: skip
        assert refused_by(f"UPDATE {table} SET {change} WHERE id = %s", [review.pk]) == named, change
    columns = "version_id, name, sha256, text_sha256, sent_by_id, sent_at, answer, signed_name, registration, remarks"
    insert = f"""INSERT INTO {table} (code, token_hash, email, expires_at, {columns}) SELECT gen_random_uuid(),
        md5(random()::text) || md5(random()::text), %s, sent_at + %s * interval '1 day', {columns} FROM {table}"""
    assert refused_by(insert, [author.email.upper(), 3]) == "outside_reviewer_is_outside"
    assert refused_by(insert, [WHO["email"].upper(), 3]) == "one_open_link_per_reviewer"
    assert refused_by(insert, ["another@elsewhere.example", 0]) == "outside_link_expires"
    services.return_to_draft(version=waiting, by=author, note="Changed.")
    review.refresh_from_db()
    assert review.ended_at is not None, "version_leaves_review"
    assert refused_by(insert, ["another@elsewhere.example", 3]) == "outside_link_is_for_a_text_in_review"
    # without the rule that ends links the answer is refused by the next one
    as_owner(f"ALTER TABLE {table} DISABLE TRIGGER outside_review_is_fixed")
    as_owner(f"UPDATE {table} SET ended_at = NULL")
    as_owner(f"ALTER TABLE {table} ENABLE TRIGGER outside_review_is_fixed")
    signed = "answered_at = app_now(), answer = 'approved', signed_name = 'A', registration = 'B'"
    assert refused_by(f"UPDATE {table} SET {signed}") == "outside_answer_is_to_this_text"


def link_in_mail():
    [message] = mail.outbox
    assert message.to == [WHO["email"]]
    return urlsplit(re.search(r"https?://\S+", message.body).group()).path


class TestPages:
    @pytest.fixture
    def admin(self, author):
        client = Client()
        client.force_login(author)
        return client

    @pytest.fixture
    def path(self, waiting):
        return reverse("version_outside", args=["asked", 1])

    def body(self, waiting, **over):
        return WHO | {"days": "14", "version": waiting.version} | over

    def test_sent_read_signed_by_link_alone(self, admin, path, waiting, clinic):
        assert (
            "Send to an outside reviewer"
            in admin.get(reverse("version_detail", args=["asked", 1])).content.decode()
        )
        assert admin.post(path, self.body(waiting, email="x")).status_code == 422
        assert not mail.outbox
        assert admin.post(path, self.body(waiting)).status_code == 302
        link, reader = link_in_mail(), Client(enforce_csrf_checks=True)
        colleague = Client()
        colleague.force_login(clinic.nurse)
        for person in (admin, colleague):
            assert person.get(link).status_code == 403
            assert person.post(link, {"answer": "approved", **SIGNED}).status_code == 403
        page = reader.get(link)
        text = page.content.decode()
        review = OutsideReview.objects.get()
        assert review.handed_over_at is not None
        assert page["Referrer-Policy"] == "no-referrer"
        for words in (
            "What the check found",
            "0.5 mg/kg",
            "Evidence grades",
            "Follow-ups",
            review.text_sha256,
        ):
            assert words in text, words
        sent = {"answer": "approved", "remarks": "", "seen_sha256": review.text_sha256} | SIGNED
        assert reader.post(link, sent | {"registration": ""}).status_code == 422
        assert reader.post(link, sent | {"seen_sha256": "f" * 64}).status_code == 422
        assert reload(waiting).status == "in-review"
        assert reader.post(link, sent).status_code == 302
        assert "Signed by Iris Outside" in reader.get(link).content.decode()
        assert reader.post(link, sent).status_code == 410, "a link is used once"
        shown = admin.get(reverse("version_detail", args=["asked", 1])).content.decode()
        assert "Approved by Iris Outside, GMC 7654321 (outside reviewer)" in shown
        assert (
            "Iris Outside, GMC 7654321 (outside reviewer)"
            in admin.get(reverse("protocol_detail", args=["asked"])).content.decode()
        )

    def test_changed_meanwhile_the_link_says_so(self, admin, path, waiting, author):
        admin.post(path, self.body(waiting))
        link = link_in_mail()
        services.return_to_draft(version=reload(waiting), by=author, note="Changed")
        page = Client().get(link)
        assert page.status_code == 410
        assert "no longer waiting for this review" in page.content.decode()

    def test_who_and_how(self, clinic, path, waiting, review):
        assert Client().get(path).status_code == 302
        for person in (clinic.nurse, clinic.clinician, clinic.coordinator):
            other = Client()
            other.force_login(person)
            assert other.post(path, self.body(waiting)).status_code == 403
        assert Client().get("/review/not-a-token/").status_code == 404
        assert Client().put(reverse("outside_review", args=[token_of(review.code)])).status_code == 405

    def test_not_taken_by_the_mail_server_it_is_sent_again_or_taken_back(
        self, admin, path, waiting, settings
    ):
        usual = settings.EMAIL_BACKEND
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        answer = admin.post(path, self.body(waiting), follow=True).content.decode()
        assert "did not take the message" in answer
        assert "Not sent" in answer
        settings.EMAIL_BACKEND = usual
        code = OutsideReview.objects.get().code
        admin.post(reverse("version_outside_again", args=["asked", 1, code]))
        link = link_in_mail()
        assert Client().get(link).status_code == 200
        end = reverse("version_outside_end", args=["asked", 1, code])
        assert admin.get(end).status_code == 405
        for _ in range(2):
            assert admin.post(end).status_code == 302
        assert Client().get(link).status_code == 410


def test_the_api_sends_lists_and_takes_back(waiting, author, clinic):
    client = APIClient()
    client.force_authenticate(author)
    url = f"/api/v1/protocol-versions/{waiting.code}/outside-reviews/"
    etag = client.get(f"/api/v1/protocol-versions/{waiting.code}/")["ETag"]
    key = {"HTTP_IDEMPOTENCY_KEY": str(uuid.uuid4()), "HTTP_IF_MATCH": etag}
    assert client.post(url, WHO | {"email": author.email}, format="json", **key).status_code == 422
    key["HTTP_IDEMPOTENCY_KEY"] = str(uuid.uuid4())
    for _ in range(2):
        made = client.post(url, WHO, format="json", **key)
        assert made.status_code == 201, made.json()
    assert len(mail.outbox) == 1
    assert "token" not in made.content.decode()
    assert [row["code"] for row in client.get(url).json()] == [made.json()["code"]]
    body = {"code": made.json()["code"]}
    assert client.post(f"{url}send-again/", body, format="json").status_code == 200
    assert client.post(f"{url}end/", {"code": str(uuid.uuid4())}, format="json").status_code in (400, 422)
    assert client.post(f"{url}end/", body, format="json").json()["ended_at"]
    client.force_authenticate(clinic.nurse)
    assert client.post(f"{url}end/", body, format="json").status_code == 403
    assert OutsideReview.objects.get().sent_at + timedelta(days=14) == OutsideReview.objects.get().expires_at
