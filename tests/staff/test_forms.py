"""Forms: what they accept, and how labels, hints, units and errors are tied to their boxes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import engines
from hypothesis import given
from hypothesis import strategies as st

from staff.errors import Clash, RuleNotMet, StaleVersion
from staff.forms import (
    Checkboxes,
    ClinicalDateField,
    ClinicalForm,
    ClinicalTextField,
    LocalDateTimeField,
    Radios,
    UnitDecimalField,
    UnitIntegerField,
    summary_items,
)
from tests.staff.markup import elements, one

BERLIN = ZoneInfo("Europe/Berlin")


class Reading(ClinicalForm):
    """A form with each kind of field."""

    versioned = True
    weight_kg = UnitDecimalField(
        "Weight", unit="kg", min_value="20", max_value="350", plausible=("40", "150"), decimal_places=1
    )
    spo2 = UnitIntegerField(
        "SpO2", unit="%", min_value=50, max_value=100, required=False, plausible=("88", "100")
    )
    started_at = LocalDateTimeField("Pump start", nudges=True, hint="Clinic time")
    birth_date = ClinicalDateField("Date of birth", required=False)
    escort = forms.ChoiceField(label="Escort", widget=Radios, choices=[("adult", "Adult"), ("none", "None")])
    checks = forms.MultipleChoiceField(
        label="Seen", widget=Checkboxes, required=False, choices=[("line", "Line"), ("id", "Identity")]
    )
    note = ClinicalTextField("Note", rows=3, required=False)
    agreed = forms.BooleanField(label="Read back")


GOOD = {
    "weight_kg": "70,5",
    "spo2": "97",
    "started_at": "2026-11-24T14:07",
    "birth_date": "1984-03-09",
    "escort": "adult",
    "checks": ["line"],
    "note": "ok",
    "agreed": "on",
    "version": "3",
}


def filled(**changes: Any) -> Reading:
    data = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    return Reading(data, zone=BERLIN, version=3)


def render(source: str, **context: Any) -> str:
    return engines["django"].from_string("{% load clearwindow %}" + source).render(context)


# --- What is accepted ---


def test_clean_values_have_the_right_types_and_zone() -> None:
    form = filled()
    assert form.is_valid(), form.errors
    assert form.cleaned_data["weight_kg"] == Decimal("70.5")
    assert form.cleaned_data["spo2"] == 97
    assert form.cleaned_data["started_at"] == datetime(2026, 11, 24, 13, 7, tzinfo=UTC)
    assert form.cleaned_data["version"] == 3


@given(st.decimals(40, 150, places=1), st.sampled_from(".,"))
def test_every_plausible_weight_is_read_exactly(weight: Decimal, mark: str) -> None:
    form = filled(weight_kg=f"{weight:f}".replace(".", mark))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["weight_kg"] == weight


@given(st.text(max_size=12))
def test_any_text_in_any_box_is_answered_never_a_crash(text: str) -> None:
    for name in ("weight_kg", "spo2", "started_at", "birth_date", "version", "note", "escort"):
        form = filled(**{name: text})
        if form.is_valid():
            assert form.cleaned_data["weight_kg"].is_finite()
        else:
            assert set(form.errors) == {name}


@pytest.mark.parametrize(
    "typed", ["NaN", "Infinity", "1e400", "7_0", "٧٠", ".5", "1,234", "70.25", "19.9", "350.1"]
)
def test_a_weight_that_is_not_a_plain_number_in_range_is_refused(typed: str) -> None:
    form = filled(weight_kg=typed)
    assert list(form.errors) == ["weight_kg"]


@pytest.mark.parametrize("typed", ["2027-03-28T02:30", "2026-10-25T02:30", "14:07", "2026-11-24T14:07+01:00"])
def test_a_time_that_the_clocks_skip_or_repeat_is_refused(typed: str) -> None:
    assert list(filled(started_at=typed).errors) == ["started_at"]


@pytest.mark.parametrize("typed", ["7_0", "-1", "", "x", "1.0"])
def test_a_damaged_version_is_refused(typed: str) -> None:
    assert list(filled(version=typed).errors) == ["version"]


def test_missing_answers_are_named() -> None:
    form = filled(weight_kg="", escort=None, agreed=None)
    assert form.errors["weight_kg"] == ["Weight is missing."]
    assert form.errors["escort"] == ["Escort is missing."]
    assert form.errors["agreed"] == ["Tick the box: Read back"]


# --- The question back ---


def test_an_unusual_value_is_asked_back_and_confirmed_for_that_value_only() -> None:
    form = filled(weight_kg="154")
    assert form.errors.as_data()["weight_kg"][0].code == "implausible"
    box = one(form["weight_kg"].as_field_group(), "input", type="checkbox")
    assert (box.attributes["name"], box.attributes["value"]) == ("confirm_weight_kg", "154")
    assert filled(weight_kg="154", confirm_weight_kg="154").is_valid()
    assert not filled(weight_kg="155", confirm_weight_kg="154").is_valid()


def test_a_value_beyond_its_hard_limit_cannot_be_confirmed() -> None:
    form = filled(weight_kg="740", confirm_weight_kg="740")
    assert not form.is_valid()
    assert not elements(form["weight_kg"].as_field_group(), "input", type="checkbox")


def test_a_percent_sign_in_the_question_is_kept() -> None:
    assert filled(spo2="80").errors["spo2"] == ["80 % is unusual. Check it, then correct it or confirm it."]


# --- Identity, version, refusals ---


def test_a_form_from_another_patients_page_is_refused_with_409() -> None:
    mine = {**GOOD, "patient_code": "A"}
    assert Reading(mine, zone=BERLIN, version=3, patient_code="A").is_valid()
    other = Reading(mine, zone=BERLIN, version=3, patient_code="B")
    assert not other.is_valid()
    assert other.error_status == 409
    missing = Reading(GOOD, zone=BERLIN, version=3, patient_code="B")
    assert not missing.is_valid()
    assert missing.error_status == 409


def test_a_refusal_of_a_service_lands_at_its_field_and_keeps_its_status() -> None:
    form = filled()
    assert form.is_valid()
    form.add_refusal(RuleNotMet("Weigh again.", code="weight-old", field="weight"), {"weight": "weight_kg"})
    assert form.errors["weight_kg"] == ["Weigh again."]
    assert form.error_status == 422
    form.add_refusal(Clash("Chair 2 is 100 % taken.", field="chair"))
    assert form.non_field_errors() == ["Chair 2 is 100 % taken."]
    assert form.error_status == 409
    form.add_refusal(StaleVersion("Changed by A. Nurse."))
    assert form.error_status == 412


def test_the_hidden_fields_are_drawn() -> None:
    html = str(Reading(zone=BERLIN, version=7, patient_code="A"))
    assert one(html, "input", name="version").attributes["value"] == "7"
    assert one(html, "input", name="patient_code").attributes["value"] == "A"


# --- How it is drawn ---


def test_every_control_has_a_label_and_every_reference_leads_somewhere() -> None:
    for form in (Reading(zone=BERLIN), filled(), Reading({}, zone=BERLIN)):
        html = str(form)
        ids = {element.attributes["id"] for element in elements(html) if "id" in element.attributes}
        labelled = {label.attributes["for"] for label in elements(html, "label") if "for" in label.attributes}
        for element in elements(html):
            for reference in element.attributes.get("aria-describedby", "").split():
                assert reference in ids, reference
            if element.tag in {"input", "select", "textarea"} and element.attributes.get("type") != "hidden":
                assert element.attributes["id"] in labelled, element.attributes


def test_unit_stands_in_the_label_and_beside_the_box() -> None:
    html = Reading()["weight_kg"].as_field_group()
    assert one(html, "label").text.strip() == "Weight, in kg"
    unit = one(html, "span", class_="unit")
    assert unit.text == "kg"
    assert unit.attributes["aria-hidden"] == "true"
    box = one(html, "input", name="weight_kg")
    assert box.attributes["type"] == "text"
    assert box.attributes["inputmode"] == "decimal"
    assert box.attributes["aria-describedby"] == "id_weight_kg_helptext"


def test_an_error_is_beside_its_box_and_tied_to_it() -> None:
    html = filled(weight_kg="7_0")["weight_kg"].as_field_group()
    box = one(html, "input", name="weight_kg")
    assert box.attributes["aria-invalid"] == "true"
    assert box.attributes["aria-describedby"].split() == ["id_weight_kg_helptext", "id_weight_kg_error"]
    assert "Error: Write the number without spaces" in one(html, "div", id="id_weight_kg_error").text
    assert box.attributes["value"] == "7_0", "what was typed is still there"


def test_radios_and_tick_boxes_are_fieldsets_with_legend() -> None:
    html = filled(escort=None)["escort"].as_field_group()
    assert one(html, "legend").text.strip() == "Escort"
    assert one(html, "fieldset").attributes["aria-describedby"] == "id_escort_error"
    assert len(elements(html, "input", type="radio")) == 2


def test_optional_fields_say_so_and_required_ones_do_not() -> None:
    form = Reading()
    assert "(optional)" in one(form["note"].as_field_group(), "label").text
    assert "(optional)" not in one(form["weight_kg"].as_field_group(), "label").text


def test_a_stored_moment_is_shown_as_the_clinics_wall_clock() -> None:
    form = Reading(initial={"started_at": datetime(2026, 11, 24, 13, 7, tzinfo=UTC)}, zone=BERLIN)
    box = one(str(form), "input", name="started_at")
    assert box.attributes["value"] == "2026-11-24T14:07"
    assert box.attributes["type"] == "datetime-local"
    labels = [element.attributes["aria-label"] for element in elements(str(form), "button")]
    assert labels == ["1 minute earlier", "5 minutes earlier", "10 minutes earlier"]


def test_the_summary_lists_every_error_in_order_with_a_link_to_its_box() -> None:
    form = filled(weight_kg="7_0", escort=None, agreed=None)
    form.add_error(None, "Nothing was saved.")
    html = render("{% error_summary form %}{{ form }}", form=form)
    ids = {element.attributes["id"] for element in elements(html) if "id" in element.attributes}
    links = elements(html, "a")
    assert [link.attributes["href"] for link in links] == ["#id_weight_kg", "#id_escort_0", "#id_agreed"]
    assert all(link.attributes["href"].removeprefix("#") in ids for link in links)
    assert links[0].text.startswith("Weight: Write the number")
    summary = one(html, "div", role="alert")
    assert summary.attributes["tabindex"] == "-1"
    assert summary.text.index("Nothing was saved.") < summary.text.index("Weight:")
    assert summary_items(form)[0].target_id == ""


def test_a_form_without_errors_has_no_summary() -> None:
    assert not elements(render("{% error_summary a b %}", a=Reading(zone=BERLIN), b=filled()))


def test_what_people_type_is_escaped_in_errors_and_boxes() -> None:
    form = filled(weight_kg="<script>alert(1)</script>", escort="<b>")
    html = render("{% error_summary form %}{{ form }}", form=form)
    assert "<script" not in html
    assert "<b>" not in html
