"""Protocols as files: byte for byte through page, API and command; strict against anything else; FHIR R4 by its shape."""

import io
import json
from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from fhir.resources.R4B.plandefinition import PlanDefinition
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from rest_framework.test import APIClient

from protocols import services
from protocols.interchange import Leaflet, ProtocolFile, json_schema, read_file, write_file
from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS
from protocols.models import ProtocolTemplate, ProtocolVersion
from protocols.plan_definition import read_plan_definition, to_plan_definition, write_resource
from protocols.services.files import export_file
from protocols.side_by_side import side_by_side
from staff.errors import InvalidInput

SLUG = "six-in-three-weeks"
LEAFLETS = (Leaflet("consent", "T", "Text", "material"), Leaflet("education", "E", "Words", "notice"))
FILE = write_file(ProtocolFile(SIX_IN_THREE_WEEKS, LEAFLETS))
PLAN = to_plan_definition(
    SIX_IN_THREE_WEEKS, url="urn:uuid:1", version="1", status="active", date="2026-03-03"
)
words = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Cf", "Co", "Cn", "Zl", "Zp")), min_size=1, max_size=40
)


@given(st.sampled_from(sorted(SHIPPED)), words.map(str.strip).filter(bool), words.map(str.strip).filter(bool))
@settings(max_examples=40)
def test_a_file_comes_back_byte_for_byte(slug, title, body):
    content = ProtocolFile(replace(SHIPPED[slug], title=title), (Leaflet("consent", title, body, "notice"),))
    text = write_file(content)
    assert read_file(text.encode()) == content
    assert write_file(read_file(text.encode())) == text


def changed(**over):
    return json.dumps(json.loads(FILE) | over).encode()


@pytest.mark.parametrize(
    ("raw", "about"),
    [
        (b"", "JSON"), (b"{", "JSON"), (b"[]", "protocol file"), (b'{"format": "other"}', "protocol file"), (b"\xff", "UTF-8"),
        (changed(format_version=2), "format_version"), (changed(extra=1), "extra"), (changed(definition=[]), "definition"),
        (changed(sha256="0" * 64), "fingerprint"), (changed(documents="x"), "documents"), (changed(documents=[{}]), "kind"),
        (changed(documents=[vars(LEAFLETS[0])] * 2), "twice"),
        (changed(definition=json.loads(FILE)["definition"] | {"chair_minutes": 10**30}), "digits"),
        (changed(definition=json.loads(FILE)["definition"] | {"chair_minutes": 10}), "chair_minutes"),
        (b'{"format": "clearwindow-protocol", "format": "x"}', "twice"), (b"[" * 5000, "deeply"),
        (b'{"a": "' + b"x" * 300_000 + b'"}', "large"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_wrong(raw, about):
    with pytest.raises(InvalidInput, match=f"(?i){about}"):
        read_file(raw)


def test_the_published_schema_knows_every_value():
    schema = json_schema()
    known = schema["$defs"]["ProtocolDefinition"]["properties"]
    assert set(json.loads(FILE)["definition"]) <= set(known)
    assert schema["$defs"]["DoseRule"]["properties"]["mg_per_kg"]["type"] == "string"
    assert schema["$defs"]["FollowUpRule"]["properties"]["earliest"] == {"$ref": "#/$defs/Moment"}
    assert "gap_min_hours" in schema["$defs"]["SeriesPhase"]["required"]


@pytest.mark.parametrize("slug", SHIPPED)
def test_a_plan_definition_has_the_shape_of_r4_and_comes_back(slug):
    text = SHIPPED[slug]
    resource = to_plan_definition(text, url="urn:uuid:1", version="1", status="superseded", date=None)
    assert resource["status"] in ("draft", "active", "retired", "unknown")
    ids = [action["id"] for action in resource["action"]]
    assert len(set(ids)) == len(ids) == len(text.phases) + len(text.follow_ups)
    for action in resource["action"]:
        for related in action.get("relatedAction", ()):
            assert related["actionId"] in ids
            assert 0 <= related["offsetRange"]["low"]["value"] <= related["offsetRange"]["high"]["value"]
        assert all(len(part) <= 64 and "_" not in part for part in (action["id"],))
    assert resource["action"][0]["timingTiming"]["repeat"]["count"] == text.phases[0].visits
    assert read_plan_definition(write_resource(resource).encode()) == text


@pytest.mark.parametrize(
    "raw",
    [
        b"{}", json.dumps({"resourceType": "Patient"}).encode(), json.dumps({k: v for k, v in PLAN.items() if k != "extension"}).encode(),
        json.dumps(PLAN | {"title": "Other"}).encode(), json.dumps(PLAN | {"action": PLAN["action"][1:]}).encode(),
        json.dumps(PLAN | {"extension": [{"url": "urn:clearwindow:protocol-text", "valueString": "{"}]}).encode(),
    ],
)  # fmt: skip
def test_a_foreign_or_edited_plan_definition_is_refused(raw):
    with pytest.raises(InvalidInput):
        read_plan_definition(raw)


def test_page_api_and_command_give_and_take_the_same_bytes(client, clinic, tmp_path):
    client.force_login(clinic.admin)
    page = client.get(reverse("version_export", args=[SLUG, 1])).content
    api = APIClient()
    api.force_login(clinic.admin)
    assert api.get(f"/api/v1/protocol-versions/{clinic.version.code}/export/").content == page
    out = io.StringIO()
    call_command("export_protocol", SLUG, "1", stdout=out)
    assert out.getvalue().encode() == page
    upload = {"name": "From page", "slug": "from-page", "file": SimpleUploadedFile("p.json", page)}
    assert client.post(reverse("protocol_import"), upload).status_code == 302
    body = {"name": "From API", "slug": "from-api", "content": page.decode()}
    made = api.post(
        "/api/v1/protocol-versions/import/", body, format="json", headers={"Idempotency-Key": "import-key-1"}
    )
    assert made.status_code == 201
    (tmp_path / "p.json").write_bytes(page)
    call_command(
        "import_protocol",
        str(tmp_path / "p.json"),
        slug="from-command",
        name="C",
        by=clinic.admin.email,
        stdout=out,
    )
    for slug in ("from-page", "from-api", "from-command"):
        draft = ProtocolVersion.objects.get(template__slug=slug)
        assert export_file(draft).encode() == page
        assert draft.status == "draft"
    fhir = client.get(reverse("version_export", args=[SLUG, 1]), {"as": "fhir"})
    assert fhir["Content-Type"].startswith("application/fhir+json")
    services.import_file(raw=fhir.content, slug="from-fhir", name="F", by=clinic.admin)
    assert ProtocolVersion.objects.get(template__slug="from-fhir").read() == SIX_IN_THREE_WEEKS
    assert client.get(reverse("protocol_schema")).json()["$id"] == "urn:clearwindow:protocol:1"


def test_a_refused_file_leaves_nothing_behind(client, clinic, tmp_path):
    client.force_login(clinic.admin)
    before = ProtocolTemplate.objects.count()
    url = reverse("protocol_import")
    for name, content in (("x", b"{"), ("x", b"")):
        answer = client.post(url, {"name": name, "slug": "x", "file": SimpleUploadedFile("p.json", content)})
        assert answer.status_code == 422
        assert "file" in answer.context["form"].errors
    used = client.post(url, {"name": "x", "slug": SLUG, "file": SimpleUploadedFile("p.json", FILE.encode())})
    assert used.status_code in (409, 422)
    with pytest.raises(CommandError):
        call_command("import_protocol", str(tmp_path / "none"), slug="x", name="x", by=clinic.admin.email)
    with pytest.raises(CommandError):
        call_command("import_protocol", str(tmp_path), slug="x", name="x", by=clinic.nurse.email)
    client.force_login(clinic.nurse)
    assert client.post(url, {}).status_code == 403
    assert ProtocolTemplate.objects.count() == before


def test_versions_beside_each_other_and_copies(client, clinic):
    draft = services.revise_version(version=clinic.version, by=clinic.admin, change_note="Longer")
    services.update_draft(
        version=draft,
        data=replace(SIX_IN_THREE_WEEKS, chair_minutes=175),
        expected_version=None,
        by=clinic.admin,
    )
    services.update_document(
        version=draft, kind="consent", title="T", body="Text in <b>other</b> clinical words.", change="notice",
        expected_version=None, by=clinic.admin,
    )  # fmt: skip
    client.force_login(clinic.admin)
    page = client.get(reverse("protocol_compare", args=[SLUG])).content.decode()
    assert "Version 1 beside version 2" in page
    assert "2 h 55 min" in page
    assert "&lt;b&gt;other&lt;/b&gt;" in page
    for query in ({"before": "9", "after": "1"}, {"before": "x"}, {"after": "1" * 40}):
        assert client.get(reverse("protocol_compare", args=[SLUG]), query).status_code == 422
    assert "0 running" in client.get(reverse("protocol_series", args=[SLUG])).content.decode()
    url = reverse("version_duplicate", args=[SLUG, 1])
    assert client.post(url, {"name": "Copy", "slug": SLUG}).status_code == 409
    assert client.post(url, {"name": "Copy", "slug": "copy"}).status_code == 302
    assert ProtocolVersion.objects.get(template__slug="copy").read() == clinic.version.read()
    client.force_login(clinic.nurse)
    assert client.post(url, {"name": "C2", "slug": "c2"}).status_code == 403
    assert client.get(reverse("protocol_compare", args=[SLUG]), {"after": "2"}).status_code == 422


@pytest.mark.parametrize("slug", SHIPPED)
def test_a_text_beside_itself_differs_in_nothing(slug):
    assert sum(section.changes for section in side_by_side(SHIPPED[slug], SHIPPED[slug])) == 0
    longer = replace(SHIPPED[slug], chair_minutes=700)
    changed = [
        pair.label
        for section in side_by_side(SHIPPED[slug], longer)
        for pair in section.pairs
        if pair.changed
    ]
    assert changed == ["Chair"]


@pytest.mark.parametrize("slug", sorted(SHIPPED))
def test_an_outside_library_takes_every_shipped_text_and_gives_it_back_unchanged(slug):
    """fhir.resources, which knows nothing of us. Its R4B model has every element of an R4 PlanDefinition."""
    resource = to_plan_definition(
        SHIPPED[slug], url="urn:uuid:1", version="1", status="active", date="2026-03-03"
    )
    read = PlanDefinition.model_validate_json(json.dumps(resource))
    assert json.loads(read.model_dump_json()) == resource


@pytest.mark.parametrize(
    "wrong", [{"action": [{"title": 5}]}, {"goal": [{}]}, {"when": "now"}, {"date": "soon"}]
)
def test_control_the_outside_library_refuses_what_is_no_plan_definition(wrong):
    with pytest.raises(ValidationError):
        PlanDefinition.model_validate_json(json.dumps(PLAN | wrong))
