"""/api/v1/protocol-templates/ and /protocol-versions/."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from protocols import services
from protocols.definition_codec import dump
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.models import ProtocolVersion
from tests.factories import make_user, make_version

TEMPLATES = "/api/v1/protocol-templates/"
VERSIONS = "/api/v1/protocol-versions/"
PASSWORD = "a long enough password"


def send(client, method, url, data, **headers):
    text = data if isinstance(data, str) else json.dumps(data)
    return getattr(client, method)(url, data=text, content_type="application/json", headers=headers)


def tag(version):
    stored = ProtocolVersion.objects.get(pk=version.pk)
    return f'"{stored.code}.{stored.version}"'


@pytest.fixture
def author(clinic):
    return make_user("protocol_admin", sites=[clinic.site])


@pytest.fixture
def draft(author):
    template = services.create_template(slug="weekly", name="Weekly", by=author)
    return services.create_draft(template=template, definition=SIX_IN_THREE_WEEKS, by=author)


@pytest.fixture
def writer(client, author):
    client.force_login(author)
    return client


def test_templates_and_versions_are_read(client, clinic, draft):
    client.force_login(clinic.nurse)
    [template] = client.get(TEMPLATES).json()["results"]
    assert template["active_version"] == str(clinic.version.code)
    assert client.get(f"{TEMPLATES}{template['code']}/").json() == template
    [listed] = client.get(f"{VERSIONS}?template={template['code']}&status=active").json()["results"]
    assert "definition" not in listed
    for query in ("template=x", "status=gone"):
        assert client.get(f"{VERSIONS}?{query}").status_code == 400
    assert client.get(f"{TEMPLATES}?slug=%00").status_code == 400
    whole = client.get(f"{VERSIONS}{clinic.version.code}/")
    assert whole["ETag"] == tag(clinic.version)
    assert whole.json()["definition"] == dump(SIX_IN_THREE_WEEKS)
    assert {item["kind"] for item in whole.json()["documents"]} == {"consent", "education"}


def test_drafts_do_not_exist_for_those_who_neither_write_nor_approve(client, clinic, draft):
    client.force_login(clinic.therapist)
    assert client.get(f"{VERSIONS}{draft.code}/").status_code == 404
    assert client.get(f"{TEMPLATES}{draft.template.code}/").status_code == 404
    assert str(draft.code) not in client.get(VERSIONS).content.decode()
    client.force_login(clinic.clinician)
    assert client.get(f"{VERSIONS}{draft.code}/").status_code == 200


def test_roles(client, clinic, draft):
    assert client.get(VERSIONS).status_code in (401, 403)
    client.force_login(make_user(sites=[clinic.site]))
    assert client.get(VERSIONS).status_code == 403
    client.force_login(clinic.clinician)
    url = f"{VERSIONS}{draft.code}/"
    assert send(client, "patch", url, {"definition": {}}, if_match=tag(draft)).status_code == 403
    for act in ("submit", "retire"):
        assert send(client, "post", f"{url}{act}/", {}, if_match=tag(draft)).status_code == 403
    assert send(client, "post", f"{VERSIONS}{clinic.version.code}/revise/", {}).status_code == 403
    client.force_login(clinic.nurse)
    assert send(client, "post", f"{VERSIONS}{clinic.version.code}/return/", {}).status_code == 403
    assert client.delete(url).status_code == 405
    assert client.put(url).status_code == 405


def test_a_draft_is_changed_with_its_etag(writer, draft):
    url = f"{VERSIONS}{draft.code}/"
    text = dump(SIX_IN_THREE_WEEKS) | {"chair_minutes": 180}
    assert send(writer, "patch", url, {"definition": text}).status_code == 428
    assert send(writer, "patch", url, {"definition": text}, if_match='"x.1"').status_code == 412
    done = send(writer, "patch", url, {"definition": text, "change_note": "Longer"}, if_match=tag(draft))
    assert (done.status_code, done.json()["definition"]["chair_minutes"], done.json()["version"]) == (
        200,
        180,
        2,
    )
    assert send(writer, "patch", url, {"definition": text}, if_match=f'"{draft.code}.1"').status_code == 412


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"definition": {"title": "x"}}, "/definition/indication"),
        ({"definition": dump(SIX_IN_THREE_WEEKS) | {"colour": "red"}}, "/definition/colour"),
        ({"definition": dump(SIX_IN_THREE_WEEKS) | {"chair_minutes": True}}, "/definition/chair_minutes"),
        ({"definition": dump(SIX_IN_THREE_WEEKS) | {"chair_minutes": 1e30}}, "/definition/chair_minutes"),
        ({"definition": dump(SIX_IN_THREE_WEEKS) | {"chair_minutes": 10**11}}, "/definition/chair_minutes"),
        ({"definition": []}, "/definition"),
        ({"definition": {}, "status": "active"}, "/status"),
        ({"definition": {}, "change_note": 7}, "/change_note"),
        ({}, "/definition"),
    ],
)
def test_a_bad_text_is_refused_at_its_field(writer, draft, body, pointer):
    answer = send(writer, "patch", f"{VERSIONS}{draft.code}/", body, if_match=tag(draft))
    assert answer.status_code == 400
    assert pointer in [item["pointer"] for item in answer.json()["errors"]]
    assert ProtocolVersion.objects.get(pk=draft.pk).version == 1


@pytest.mark.parametrize(
    "raw", ['{"definition": {"a": 1, "a": 2}}', '{"definition": NaN}', "{", '{"definition": "\\u0000"}']
)
def test_json_that_two_readers_could_read_differently_is_refused(writer, draft, raw):
    answer = send(writer, "patch", f"{VERSIONS}{draft.code}/", raw, if_match=tag(draft))
    assert answer.status_code == 400
    assert ProtocolVersion.objects.get(pk=draft.pk).version == 1


def test_revising_needs_a_key_and_a_repeat_gets_the_same_answer(writer, clinic):
    url = f"{VERSIONS}{clinic.version.code}/revise/"
    assert send(writer, "post", url, {}).status_code == 400
    first = send(writer, "post", url, {"change_note": "Why"}, idempotency_key="key-00000001")
    again = send(writer, "post", url, {"change_note": "Why"}, idempotency_key="key-00000001")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = send(writer, "post", url, {"change_note": "Else"}, idempotency_key="key-00000001")
    assert other.status_code == 422
    assert send(writer, "post", url, {}, idempotency_key="key-00000002").status_code == 409
    assert clinic.version.template.versions.count() == 2


def test_review_from_submission_to_retirement(client, clinic, author, draft):
    client.force_login(author)
    url = f"{VERSIONS}{draft.code}/"
    assert send(client, "post", f"{url}submit/", {}).status_code == 428
    assert send(client, "post", f"{url}submit/", {}, if_match=tag(draft)).json()["status"] == "in-review"
    assert send(client, "post", f"{url}submit/", {}, if_match=tag(draft)).status_code == 409
    reason = {"reason": "Cite the source"}
    assert send(client, "post", f"{url}return/", reason, if_match=tag(draft)).json()["status"] == "draft"
    send(client, "post", f"{url}submit/", {}, if_match=tag(draft))

    seen = {"sha256": draft.sha256}
    client.force_login(clinic.clinician)
    nothing = send(client, "post", f"{url}approve/", seen, if_match=tag(draft))
    assert (nothing.status_code, nothing.json()["type"]) == (403, "/problems/no-password")
    clinic.clinician.set_password(PASSWORD)
    clinic.clinician.save(update_fields=["password"])
    client.force_login(clinic.clinician)
    unsigned = send(client, "post", f"{url}approve/", seen, if_match=tag(draft))
    assert (unsigned.status_code, unsigned.json()["type"]) == (403, "/problems/reauthentication-required")
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    wrong = send(client, "post", f"{url}approve/", {"sha256": "0" * 64}, if_match=tag(draft))
    assert wrong.status_code == 422
    done = send(client, "post", f"{url}approve/", seen, if_match=tag(draft))
    assert (done.json()["status"], done.json()["approved_by"]) == ("active", str(clinic.clinician.code))

    client.force_login(author)
    gone = send(
        client, "post", f"{url}retire/", {"reason": "Not used", "running": "finish"}, if_match=tag(draft)
    )
    assert gone.json()["status"] == "retired"


def test_a_token_alone_never_approves(client, clinic, author, draft):
    from rest_framework.authtoken.models import Token

    services.submit(version=draft, by=author)
    clinic.admin.set_password(PASSWORD)
    clinic.admin.save(update_fields=["password"])
    token = Token.objects.create(user=clinic.admin)
    answer = send(
        client, "post", f"{VERSIONS}{draft.code}/approve/", {"sha256": draft.sha256},
        if_match=tag(draft), authorization=f"Token {token.key}",
    )  # fmt: skip
    assert answer.status_code == 403
    assert ProtocolVersion.objects.get(pk=draft.pk).status == "in-review"


def test_lists_need_the_same_queries_for_one_row_and_three(client, clinic):
    def queries(url):
        with CaptureQueriesContext(connection) as seen:
            rows = client.get(url).json()["results"]
        return len(rows), len(seen)

    client.force_login(clinic.admin)
    client.get(TEMPLATES)
    for_one = [queries(url) for url in (TEMPLATES, VERSIONS)]
    for slug in ("single-infusion", "six-in-twelve-days"):
        make_version(slug, author=clinic.admin)
    assert [queries(url) for url in (TEMPLATES, VERSIONS)] == [(3, count) for _, count in for_one]
    assert all(count <= 10 for _, count in for_one)
