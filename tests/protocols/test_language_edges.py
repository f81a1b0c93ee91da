"""The clinical-language check from the page, the API and the command, and one click in the review list."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import reverse

from protocols import services
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.models import ProtocolVersion
from staff.errors import StateConflict
from tests.factories import make_user

ROOT = Path(__file__).resolve().parents[2]
API = "/api/v1/language-checks/"
TEXT = "Your journey begins.\nIt is a miracle."


def run(*arguments, stdin=b""):
    """The command in a process of its own, with a database address that nobody answers."""
    environment = {
        **os.environ,
        "CLEARWINDOW_NO_BOOTSTRAP": "1",
        "DATABASE_URL": "postgres://x:x@127.0.0.1:1/x",
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check_language", *arguments],
        cwd=ROOT, env=environment, input=stdin, capture_output=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_command_needs_no_database_and_exits_1_with_errors(tmp_path):
    path = tmp_path / "leaflet.md"
    path.write_text("\ufeff" + TEXT, encoding="utf-8")
    done = run(str(path), "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(item["line"], item["column"], item["match"], item["severity"]) for item in found] == [
        (1, 6, "journey", "warning"),
        (2, 9, "miracle", "error"),
    ]
    assert set(found[0]) == {"line", "column", "match", "severity", "suggestion", "reason"}
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_command_exits_0_with_warnings_and_2_for_what_it_cannot_read(tmp_path):
    done = run("-", stdin=b"A journey.\n")
    assert (done.returncode, done.stdout.count(b"journey")) == (0, 1)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00trip")
    for name in (tmp_path / "none.txt", tmp_path / "binary", tmp_path):
        done = run(str(name), "--json")
        assert (done.returncode, done.stdout) == (2, b"")


def test_the_api_answers_as_the_command_and_refuses_rubbish(client, clinic):
    def post(data):
        return client.post(API, json.dumps(data), content_type="application/json")

    assert post({"text": TEXT}).status_code in (401, 403)
    client.force_login(make_user(sites=[clinic.site]))
    assert post({"text": TEXT}).status_code == 403
    client.force_login(clinic.nurse)
    answer = post({"text": TEXT})
    body = answer.json()
    assert (answer.status_code, body["errors"], body["warnings"]) == (200, 1, 1)
    assert [item["match"] for item in body["findings"]] == ["journey", "miracle"]
    assert post({"text": "    journey", "markdown": True}).json()["findings"] == []
    for bad in ({}, {"text": 3}, {"text": TEXT, "lang": "en"}, {"text": "a" * 200_001}, []):
        assert post(bad).status_code == 400
    assert client.get(API).status_code == 405


def test_the_page_finds_puts_the_term_in_and_stores_nothing(client, clinic):
    url = reverse("language_check")
    assert client.get(url)["Location"].startswith("/accounts/login/")
    client.force_login(make_user(sites=[clinic.site]))
    assert client.get(url).status_code == 403
    client.force_login(clinic.nurse)
    assert client.get(url).status_code == 200
    page = client.post(url, {"text": TEXT}).content.decode()
    assert "1 error, 1 warning" in page
    assert "Use “infusion visit”" in page
    again = client.post(url, {"text": TEXT, "use": "5"}).content.decode()
    assert "Your infusion visit begins." in again
    assert "1 error, 0 warnings" in again
    assert (
        "<script>"
        not in client.post(url, {"text": "<script>trip</script> a trip"}).content.decode().split("<main")[1]
    )
    assert client.post(url, {"text": ""}).status_code == 422
    assert client.post(url, {"text": TEXT, "use": "999"}).status_code == 200
    assert client.put(url).status_code == 405


@pytest.fixture
def draft(clinic):
    template = services.create_template(slug="drafted", name="Drafted", by=clinic.admin)
    version = services.create_draft(template=template, definition=SIX_IN_THREE_WEEKS, by=clinic.admin)
    consent = version.documents.get(kind="consent")
    services.update_document(
        version=version, kind="consent", title="Your journey", body=consent.body + "\n\nA journey.", change="material",
        expected_version=None, by=clinic.admin,
    )  # fmt: skip
    return ProtocolVersion.objects.get(pk=version.pk)


def warned(version):
    return [item for item in services.findings_of(version) if item.words]


def test_one_click_in_the_review_list_mends_title_body_and_definition(client, clinic, draft):
    client.force_login(clinic.admin)
    data = {**draft.definition, "indication": "A journey out of depression"}
    version = services.update_draft(version=draft, data=data, expected_version=None, by=clinic.admin)
    assert [item.field for item in warned(version)] == ["indication", "consent", "consent"]
    page = client.get(reverse("version_detail", args=["drafted", 1])).content.decode()
    assert "Use “infusion visit”" in page
    for _ in range(3):
        version = ProtocolVersion.objects.get(pk=version.pk)
        first = warned(version)[0]
        sent = {
            "version": version.version,
            "field": first.field,
            "start": first.words.start,
            "match": first.words.match,
        }
        assert client.post(reverse("version_term", args=["drafted", 1]), sent).status_code == 302
    version = ProtocolVersion.objects.get(pk=version.pk)
    assert warned(version) == []
    assert version.documents.get(kind="consent").title == "Your infusion visit"
    assert (
        version.read().indication == "An infusion visit out of depression"
        or "infusion visit" in version.read().indication
    )


def test_a_word_that_is_gone_is_not_replaced_and_nobody_else_may(client, clinic, draft):
    with pytest.raises(StateConflict):
        services.use_term(
            version=draft, field="consent", start=1, match="journey", expected_version=None, by=clinic.admin
        )
    with pytest.raises(StateConflict):
        services.use_term(
            version=draft, field="phases.9.name", start=0, match="x", expected_version=None, by=clinic.admin
        )
    client.force_login(clinic.clinician)
    sent = {"version": draft.version, "field": "consent", "start": 5, "match": "journey"}
    url = reverse("version_term", args=["drafted", 1])
    assert client.post(url, sent).status_code == 403
    client.force_login(clinic.admin)
    assert client.get(url).status_code == 405
    assert client.post(url, {**sent, "start": "x"}).status_code in (400, 422)
    assert client.post(url, {**sent, "version": draft.version - 1}).status_code == 412
    assert ProtocolVersion.objects.get(pk=draft.pk).version == draft.version


def test_a_text_with_an_error_cannot_be_submitted_and_the_page_says_why(client, clinic, draft):
    consent = draft.documents.get(kind="consent")
    services.update_document(
        version=draft, kind="consent", title="Consent", body=consent.body + "\n\nIt cures depression.", change="material",
        expected_version=None, by=clinic.admin,
    )  # fmt: skip
    client.force_login(clinic.admin)
    page = client.get(reverse("version_detail", args=["drafted", 1])).content.decode()
    assert "Cannot be published" in page
    assert "“cures”" in page
    now = ProtocolVersion.objects.get(pk=draft.pk)
    refused = client.post(reverse("version_submit", args=["drafted", 1]), {"version": now.version})
    assert refused.status_code == 422
    assert ProtocolVersion.objects.get(pk=draft.pk).status == "draft"
