"""Values that came after texts were signed: old texts keep every byte, new ones are read, shown and exchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from protocols.definition import Bases, Basis, EscalationRule, ReviewPoints
from protocols.definition_codec import canonical_text, digest, load
from protocols.differences import differences
from protocols.interchange import ProtocolFile, json_schema, read_file, write_file
from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS
from protocols.plan_definition import read_plan_definition, to_plan_definition, write_resource
from protocols.reading import follow_ups, sections
from protocols.review import review
from protocols.sheet import read_sheet, tidy, to_sheet
from staff.errors import InvalidInput, RuleNotMet
from tests.scheduling.booking.test_version_moves import publish

BEFORE = Path(__file__).parent / "data" / "text_before_review_points.json"
# SHA-256 of the shipped texts as clinics signed them before there were review points.
SIGNED = {
    "six-in-three-weeks": "afd75b73ca39d7324818f63b3e54f28338af4552b08ae563f9255cd4dc1b64d0",
    "single-infusion": "6579fc6ff38f6ed18e783606f3da7455bf5d7ea961c571129e4631ea816a7ef2",
    "six-in-twelve-days": "f7633ff18d113587cd21eb7a2f7f941c1d5070320cbd59c39091ba463393c472",
    "six-then-weekly": "72d373fe32bd1df0c77eb4a34fa87162ee357d113d16e123d240041c6fe8aaa8",
    "up-to-twelve": "5351095077109dffc9cd0fb67c8dc5b43e7a8185bd238d6918047f0cd6a9df7f",
    "maintenance-taper": "529924a7c50bca8b42b5b92e40dd448879100e0f961faf468c9a94dbe4b0dd82",
    "weekly-higher-dose": "bc27084c9dfa8d0b4dfc2329b3a5688b808d6811049f37114f87bc77dbe33327",
}


@pytest.mark.parametrize("slug", SIGNED)
def test_what_was_signed_before_keeps_its_fingerprint(slug):
    text = SHIPPED[slug]
    phases = tuple(replace(phase, maintenance=False) for phase in text.phases)
    before = replace(text, reviews=ReviewPoints(), phases=phases, preparation_minutes=None)
    assert digest(before) == SIGNED[slug]


def test_an_old_text_comes_out_byte_for_byte():
    raw = BEFORE.read_text()
    assert canonical_text(load(json.loads(raw))) == raw


def written(**over):
    """A text with every later value set."""
    rules = list(SIX_IN_THREE_WEEKS.follow_ups)
    rules[3] = replace(rules[3], redosed="drop", merge_within_hours=0, expiry="list", required=False)
    rules[4] = replace(rules[4], close_redose_hours=48, close_latest_hours=30)
    rules[7] = replace(rules[7], tail_gap_hours=240)
    fields = {
        "follow_ups": tuple(rules),
        "bases": Bases(
            dose=Basis("B", "Our audit 2025"),
            consent=Basis(source="Local policy 12"),
            escalation=Basis("C", "Our audit of missed windows"),
        ),
        "sources_read_on": "2026-02-01",
        "review_by": "2026-09-01",
        "escalation": EscalationRule(pool_after_target_hours=6, lead_core_parts=4, unsigned_after_minutes=20),
    }
    return replace(SIX_IN_THREE_WEEKS, **(fields | over))


def test_boxes_files_and_fhir_carry_the_later_values():
    text = written()
    assert read_sheet(tidy(to_sheet(text))).definition == text
    file = write_file(ProtocolFile(text, ()))
    assert read_file(file.encode()).definition == text
    assert write_file(read_file(file.encode())) == file
    resource = to_plan_definition(text, url="urn:x", version="1", status="draft", date=None)
    assert read_plan_definition(write_resource(resource).encode()) == text
    cited = {item.get("label"): item["citation"] for item in resource["relatedArtifact"]}
    assert cited["Dose"] == "Grade B: Our audit 2025"
    assert cited["Not booked, not signed"] == "Grade C: Our audit of missed windows"
    assert cited["Consent and education"] == "Grade D: Local policy 12"
    assert resource["lastReviewDate"] == "2026-02-01"


def test_the_page_shows_the_authors_grade_and_what_happens_to_close_infusions():
    rows = {row.label: row.evidence for section in sections(written()) for row in section.rows}
    assert (rows["Dose"].grade, rows["Dose"].source) == ("B", "Our audit 2025")
    assert (rows["Consent and education"].grade, rows["Consent and education"].source) == (
        "D",
        "Local policy 12",
    )
    assert rows["Ceiling"].source.startswith("Safety limit")
    lines = {line.title: line.successive for line in follow_ups(written())}
    practice = next(words for title, words in lines.items() if title.startswith("Structured practice"))
    assert practice == (
        "If the next infusion comes before the target: leave it out",
        "Two of a kind are not joined",
        "When missed: always on a person's list",
    )
    assert sum(map(bool, lines.values())) == 3


def test_who_hears_of_what_is_not_done_is_read_compared_and_part_of_the_schema():
    text = written()
    shown = next(section for section in sections(text) if section.code == "escalation")
    booked, signed = shown.rows
    assert booked.value == "6 h after its target every therapist may take it"
    assert booked.items == (
        "The prescriber hears of it in the last quarter of the core",
        "At least 6 h and at most 24 h before its end",
    )
    assert signed.value == "The prescriber hears of it 20 min after the minimum observation"
    assert {row.evidence.grade for row in shown.rows} == {"C"}
    told = {item.where: (item.before, item.after) for item in differences(SIX_IN_THREE_WEEKS, text)}
    assert told["Escalation, lead core parts"] == ("3", "4")
    assert "Escalation, lead most hours" not in told
    schema = json_schema()["$defs"]
    assert "lead_core_parts" in schema["EscalationRule"]["properties"]
    assert schema["ProtocolDefinition"]["properties"]["escalation"] == {"$ref": "#/$defs/EscalationRule"}


def test_empty_boxes_mean_what_the_product_always_did():
    sheet = to_sheet(SIX_IN_THREE_WEEKS)
    for row in sheet["follow_ups"]:
        for name in ("redosed", "tail_gap_hours", "close_redose_hours", "merge_within_hours", "expiry"):
            assert row[name] not in ("", None)
            row[name] = ""
    for name in [path for path in sheet if path.startswith("escalation.")]:
        assert sheet[name] not in ("", None)
        sheet[name] = ""
    assert read_sheet(tidy(sheet)).definition == SIX_IN_THREE_WEEKS


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"reviews": ReviewPoints((3, 2))}, "reviews.after_infusions"),
        ({"reviews": ReviewPoints((7,))}, "reviews.after_infusions"),
        ({"reviews": ReviewPoints(every_maintenance=4)}, "reviews.every_maintenance"),
        ({"review_by": "tomorrow"}, "review_by"),
        ({"sources_read_on": "2026-10-01"}, "review_by"),
        ({"bases": Bases(dose=Basis("E"))}, "bases.dose.grade"),
        ({"escalation": EscalationRule(lead_core_parts=1)}, "escalation.lead_core_parts"),
        ({"escalation": EscalationRule(lead_least_hours=30)}, "escalation.lead_most_hours"),
        ({"escalation": EscalationRule(unsigned_after_minutes=-1)}, "escalation.unsigned_after_minutes"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(over, field):
    with pytest.raises(InvalidInput) as refused:
        load(json.loads(canonical_text(written(**over))))
    assert refused.value.field == f"definition.{field}"


def found(text, code):
    return [item for item in review(text, {}) if item.code == code]


def test_the_review_sees_what_spacing_always_drops_and_what_nobody_would_hear_of():
    rules = list(SIX_IN_THREE_WEEKS.follow_ups)
    rules[4] = replace(rules[4], target=rules[4].hard_latest, latest=rules[4].hard_latest, redosed="merge")
    rules[0] = replace(rules[0], expiry="quiet")
    text = replace(SIX_IN_THREE_WEEKS, follow_ups=tuple(rules))
    assert [item.severity for item in found(text, "always-redosed")] == ["block"]
    assert [item.field for item in found(text, "missed-unseen")] == ["follow_ups.0.expiry"]
    assert not found(SIX_IN_THREE_WEEKS, "always-redosed")
    assert found(replace(SIX_IN_THREE_WEEKS, reviews=ReviewPoints()), "no-review-point")
    assert all(not found(item, "no-review-point") for item in SHIPPED.values())


def test_the_review_wants_the_escalation_inside_the_window_and_in_order():
    def told(code, **over):
        text = replace(SIX_IN_THREE_WEEKS, escalation=EscalationRule(**over))
        return [(item.severity, item.field) for item in found(text, code)]

    assert not told("told-too-late")
    assert not told("lead-before-pool")
    assert told("told-too-late", pool_after_target_hours=72) == [
        ("block", "escalation.pool_after_target_hours")
    ], "target + 72 h is the end of the core"
    assert told("told-too-late", lead_most_hours=96, lead_least_hours=60) == [
        ("block", "escalation.lead_most_hours")
    ]
    assert not told("told-too-late", pool_after_target_hours=71)
    assert told("lead-before-pool", pool_after_target_hours=60) == [
        ("warn", "escalation.pool_after_target_hours")
    ]
    assert all(not found(text, "told-too-late") for text in SHIPPED.values())


@pytest.mark.django_db
def test_the_next_review_is_due_on_the_day_that_the_text_names(clinic):
    assert publish(clinic, written()).next_review_on == date(2026, 9, 1)
    with pytest.raises(RuleNotMet, match="due already"):
        publish(clinic, written(review_by="2026-02-20"))
