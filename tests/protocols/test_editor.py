"""The draft's boxes in the database and on their page: kept as typed, joined when two edit, never half-approved."""

import json

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from protocols import services
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.models import ProtocolVersion
from protocols.services.drafting import EditedByOthers, save_draft, sheet_of
from protocols.sheet import to_sheet
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from tests.factories import make_user
from tests.protocols.posting import form_of

LIVE = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def draft(clinic):
    template = services.create_template(slug="drafted", name="Drafted", by=clinic.admin)
    return services.create_draft(template=template, definition=SIX_IN_THREE_WEEKS, by=clinic.admin)


@pytest.fixture
def url(draft):
    return reverse("version_edit", args=["drafted", 1])


def now(draft):
    return ProtocolVersion.objects.get(pk=draft.pk)


def test_what_is_wrong_is_kept_as_typed_and_the_text_stays(draft, clinic):
    wrong = {**sheet_of(draft), "dose.mg_per_kg": "5", "title": "Half a tit"}
    saved = save_draft(version=draft, sheet=wrong, expected_version=1, by=clinic.admin)
    assert set(saved.reading.errors) == {"dose.mg_per_kg"}
    found = now(draft)
    assert sheet_of(found) == wrong
    assert found.read() == SIX_IN_THREE_WEEKS
    with pytest.raises(RuleNotMet, match="not right yet"):
        services.submit(version=found, by=clinic.admin)
    mended = {**wrong, "dose.mg_per_kg": "0,6"}
    found = save_draft(version=found, sheet=mended, expected_version=2, by=clinic.admin).version
    assert (found.working, str(found.read().dose.mg_per_kg), found.version) == (None, "0.6", 3)
    assert "0.6 mg for each kg" in found.documents.get(kind="consent").body
    again = save_draft(version=found, sheet=mended, expected_version=1, by=clinic.admin)
    assert (again.changed, now(draft).version) == (False, 3)
    services.submit(version=found, by=clinic.admin)
    with pytest.raises(StateConflict):
        save_draft(version=found, sheet=wrong, expected_version=3, by=clinic.admin)


def test_the_database_lets_no_unfinished_draft_go_on(draft, clinic):
    save_draft(version=draft, sheet={**sheet_of(draft), "title": ""}, expected_version=1, by=clinic.admin)
    with pytest.raises(IntegrityError, match="version_unfinished_only_as_draft"), transaction.atomic():
        connection.cursor().execute(
            "UPDATE protocols_protocolversion SET status = 'in-review' WHERE id = %s", [draft.pk]
        )


def test_two_people_on_one_draft_are_joined_and_nothing_is_lost(draft, clinic):
    other, base = make_user("protocol_admin", sites=[clinic.site]), sheet_of(draft)
    save_draft(version=draft, sheet={**base, "title": "Theirs", "source": "S"}, expected_version=1, by=other)
    with pytest.raises(EditedByOthers) as caught:
        save_draft(version=draft, sheet={**base, "title": "Mine"}, expected_version=1, by=clinic.admin)
    assert (caught.value.base["title"], caught.value.theirs["title"]) == (base["title"], "Theirs")
    assert now(draft).read().title == "Theirs"


def test_too_long_to_keep_is_said_and_nothing_is_written(draft, clinic):
    with pytest.raises(InvalidInput, match="too long to keep"):
        save_draft(
            version=draft,
            sheet={**sheet_of(draft), "evidence": "x" * 200_000},
            expected_version=1,
            by=clinic.admin,
        )
    assert now(draft).version == 1


def test_an_empty_protocol_cannot_be_submitted_before_it_is_filled_in(clinic):
    template = services.create_template(slug="empty", name="Weekly", by=clinic.admin)
    draft = services.start_empty(template=template, by=clinic.admin)
    assert sheet_of(draft)["title"] == "Weekly"
    with pytest.raises(RuleNotMet):
        services.submit(version=draft, by=clinic.admin)


def test_typing_is_saved_and_answered_with_what_is_left_to_mend(client, clinic, draft, url):
    client.force_login(clinic.admin)
    data = form_of({**sheet_of(draft), "dose.mg_per_kg": "5"}, version=1, act="autosave")
    page = client.post(url, data, **LIVE).content.decode()
    assert "Saved" in page
    assert 'data-version="2"' in page
    assert 'data-box="id_dose.mg_per_kg"' in page
    opened = client.get(url).content.decode()
    assert 'value="5"' in opened
    assert "1 to mend" in opened


@pytest.mark.parametrize("live", [LIVE, {}])
def test_row_buttons_keep_everything_typed(client, clinic, draft, url, live):
    client.force_login(clinic.admin)
    data = form_of({**sheet_of(draft), "title": "Typed"}, version=1, act="add:phases")
    answer = client.post(url, data, **live)
    assert answer.status_code == (200 if live else 302)
    found = sheet_of(now(draft))
    assert (found["title"], len(found["phases"])) == ("Typed", 2)
    page = client.get(url).content.decode()
    assert "New part" in page


def test_a_clash_is_told_while_typing_and_joined_on_request(client, clinic, draft, url):
    other, base = make_user("protocol_admin", sites=[clinic.site]), sheet_of(draft)
    save_draft(version=draft, sheet={**base, "title": "Theirs", "source": "S"}, expected_version=1, by=other)
    client.force_login(clinic.admin)
    mine = {**base, "title": "Mine", "evidence": "E"}
    answer = client.post(url, form_of(mine, version=1, act="autosave"), **LIVE)
    assert answer.status_code == 412
    assert "See both and join them" in answer.content.decode()
    answer = client.post(url, form_of(mine, version=1, act="merge"), **LIVE)
    page = answer.content.decode()
    assert answer.status_code == 412
    assert all(
        words in page for words in ("Yours: <strong>Mine", "Only you changed", "Only the other person")
    )
    join = {
        "act": "join",
        "version": 2,
        "mine": json.dumps(mine),
        "base": json.dumps(base),
        "pick:title": "mine",
    }
    assert client.post(url, join).status_code == 302
    text = now(draft).read()
    assert (text.title, text.source, text.evidence) == ("Mine", "S", "E")
    assert client.post(url, join).status_code == 412
    assert client.post(url, join | {"mine": "{"}).status_code == 422
    assert now(draft).read() == text


BAD = [{"version": "x"}, {"act": "explode:phases:r1"}, {"act": "add:dose"}, {"phases.row": ["<b>"]}]


@pytest.mark.parametrize("over", BAD)
@pytest.mark.parametrize("live", [LIVE, {}])
def test_what_cannot_be_kept_is_refused_and_still_on_the_page(client, clinic, draft, url, over, live):
    client.force_login(clinic.admin)
    data = form_of({**sheet_of(draft), "title": "Typed <b>here</b>"}, version=1, act="save") | over
    answer = client.post(url, data, **live)
    assert answer.status_code == 422
    assert "Typed &lt;b&gt;here&lt;/b&gt;" in answer.content.decode()
    assert now(draft).version == 1


def test_a_long_text_is_kept_and_told(client, clinic, draft, url):
    client.force_login(clinic.admin)
    data = form_of({**sheet_of(draft), "evidence": "x" * 100_000}, version=1, act="autosave")
    page = client.post(url, data, **LIVE).content.decode()
    assert "Shorten this to 1000" in page
    assert len(sheet_of(now(draft))["evidence"]) == 100_000


def test_the_form_shows_and_stores_every_value_of_a_text(client, clinic, draft, url):
    client.force_login(clinic.admin)
    sheet = to_sheet(SIX_IN_THREE_WEEKS)
    assert client.post(url, form_of({**sheet, "title": "Other"}, version=1)).status_code == 302
    assert client.post(url, form_of(sheet, version=2)).status_code == 302
    assert now(draft).read() == SIX_IN_THREE_WEEKS


def test_opening_the_editor_needs_few_queries(client, clinic, draft, url, django_assert_max_num_queries):
    client.force_login(clinic.admin)
    client.get(url)
    with django_assert_max_num_queries(12):
        client.get(url)


def test_findings_of_the_review_stand_in_the_editor_with_the_box_that_mends_them(client, clinic, draft, url):
    client.force_login(clinic.admin)
    sheet = {**sheet_of(draft), "dose.mg_per_kg": "0.8", "evidence": "An empathogenic journey."}
    page = client.post(url, form_of(sheet, version=1, act="autosave"), **LIVE).content.decode()
    assert "Blocks publishing" in page
    assert "Worth a second look" in page
    assert 'href="#id_dose.mg_per_kg">0.8 mg/kg is above' in page
    assert 'href="#id_evidence"' in page
