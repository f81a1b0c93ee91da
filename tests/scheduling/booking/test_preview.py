"""The preview of a protocol text: six questions, the real engine's numbers, and unfinished drafts."""

from decimal import Decimal

import pytest
from django.urls import reverse

from protocols import services
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.services.drafting import save_draft, sheet_of
from scheduling.planning import sample_clearance

ACTIVE = ("six-in-three-weeks", 1)


def ask(client, where=ACTIVE, *, live=True, **query):
    headers = {"HTTP_HX_REQUEST": "true"} if live else {}
    return client.get(reverse("protocol_preview", args=where), query, **headers)


@pytest.fixture
def draft(clinic):
    template = services.create_template(slug="drafted", name="Drafted", by=clinic.admin)
    return services.create_draft(template=template, definition=SIX_IN_THREE_WEEKS, by=clinic.admin)


def test_it_draws_the_series_with_the_engines_own_time(client, clinic):
    client.force_login(clinic.nurse)
    predicted = sample_clearance(SIX_IN_THREE_WEEKS, weight_kg=Decimal(70), age_years=40)
    hours, minutes = divmod(predicted.minutes, 60)
    for live in (True, False):
        page = ask(client, live=live, weight_kg="70").content.decode()
        assert f"{hours} h {minutes} min" in page
        assert "35.0 mg" in page
        assert page.count("No-therapy period, infusion") >= 6
        assert "Predicted ketamine level" in page
    heavy = ask(client, weight_kg="130").content.decode()
    assert "65.0 mg" in heavy
    assert "above the protocol" in heavy


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"week": "holiday", "first_day": "2026-05-05"}, "Memorial Day"),
        ({"week": "forward", "first_day": "2027-01-05"}, "the clocks go forward (23 hours)"),
        (
            {"week": "back", "first_day": "2026-05-05", "place": "Europe/Berlin"},
            "the clocks go back (25 hours)",
        ),
        ({"week": "weekend"}, "Saturday"),
    ],
)
def test_special_weeks_are_drawn(client, clinic, query, words):
    client.force_login(clinic.admin)
    assert words in ask(client, **query).content.decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"first_day": "tomorrow"}, "first_day"), ({"first_day": "9999-12-31"}, "first_day"), ({"clock": "25:00"}, "clock"),
        ({"week": "x"}, "week"), ({"place": "Mars/Base"}, "place"), ({"weight_kg": "7000"}, "weight_kg"),
        ({"age_years": "1e9"}, "age_years"), ({"week": "forward", "place": "UTC"}, "week"),
    ],
)  # fmt: skip
def test_bad_input_names_its_box(client, clinic, query, field):
    client.force_login(clinic.admin)
    answer = ask(client, **query)
    assert answer.status_code in (200, 422)
    assert field in answer.context["form"].errors


def test_others_do_not_see_it(client, clinic, draft):
    assert ask(client).status_code == 302
    client.force_login(clinic.nurse)
    assert ask(client, ("drafted", 1)).status_code == 404
    assert client.post(reverse("protocol_preview", args=ACTIVE)).status_code == 405


def test_an_unfinished_draft_is_drawn_without_what_is_wrong(client, clinic, draft):
    client.force_login(clinic.admin)
    rows = [dict(row) for row in sheet_of(draft)["follow_ups"]]
    rows[3] |= {"title": "Broken row", "target": "x"}
    save_draft(
        version=draft, sheet={**sheet_of(draft), "follow_ups": rows}, expected_version=1, by=clinic.admin
    )
    page = ask(client, ("drafted", 1)).content.decode()
    assert "leaves them out" in page
    assert "Broken row" not in page
    empty = services.create_template(slug="empty", name="Empty", by=clinic.admin)
    services.start_empty(template=empty, by=clinic.admin)
    assert "Fill in the dose" in ask(client, ("empty", 1)).content.decode()


def test_a_definition_that_cannot_be_placed_says_which_visit(client, clinic, draft):
    client.force_login(clinic.admin)
    rows = [{**sheet_of(draft)["phases"][0], "weekdays": ["1"], "gap_max_hours": "100"}]
    save_draft(version=draft, sheet={**sheet_of(draft), "phases": rows}, expected_version=1, by=clinic.admin)
    assert "Infusion 2 cannot be placed" in ask(client, ("drafted", 1)).content.decode()
