"""The review of a protocol text: every planted fault is found at its field, and the shipped texts have none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from protocols.definition import Elapsed, SeriesPhase, StaffPhase
from protocols.documents import consent_text, education_text
from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS, SIX_IN_TWELVE_DAYS
from protocols.review import review

TEXT = SIX_IN_THREE_WEEKS


def found(text=TEXT, *, consent=None, education=None, **options):
    documents = {"consent": consent or consent_text(text), "education": education or education_text(text)}
    return {(item.severity, item.code, item.field) for item in review(text, documents, **options)}


def dose(**over):
    return replace(TEXT, dose=replace(TEXT.dose, **over))


def phase(**over):
    return replace(TEXT, phases=(replace(TEXT.phases[0], **over),))


def rule(kind, text=TEXT, **over):
    changed = tuple(replace(item, **over) if item.kind == kind else item for item in text.follow_ups)
    return replace(text, follow_ups=changed), [item.kind for item in text.follow_ups].index(kind)


@pytest.mark.parametrize("slug", SHIPPED)
def test_nothing_blocks_a_shipped_text(slug):
    text = SHIPPED[slug]
    expected = {("warn", "high-dose", "dose.mg_per_kg")} if slug == "weekly-higher-dose" else set()
    assert found(text, published=True, next_review_on=date(2027, 1, 1)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (dose(mg_per_kg=Decimal("1.2")), ("block", "hard-rule", "dose.mg_per_kg")),
        (dose(mg_per_kg=Decimal("0.4")), ("block", "without-reason", "dose.low_dose_reason")),
        (dose(infusion_minutes=35), ("block", "without-reason", "dose.short_infusion_reason")),
        (dose(route="im"), ("block", "without-reason", "dose.route_reason")),
        (dose(route="im", route_reason="because"), ("block", "reason-unknown", "dose.route_reason")),
        (dose(route_reason="refusal"), ("warn", "reason-idle", "dose.route_reason")),
        (dose(route="im", route_reason="refusal"), ("block", "route-without-time", "clearance.unmodelled_hours")),
        (replace(TEXT, clearance=replace(TEXT.clearance, unmodelled_hours=24)),
         ("warn", "reason-idle", "clearance.unmodelled_hours")),
        (replace(TEXT, clearance=replace(TEXT.clearance, unmodelled_hours=1)),
         ("block", "hard-rule", "clearance.unmodelled_hours")),
        (dose(titration_step_mg_per_kg=Decimal("0.1")), ("block", "titration-half", "dose.titration_cap_mg_per_kg")),
        (dose(infusion_minutes=20), ("block", "hard-rule", "dose.infusion_minutes")),
        (replace(TEXT, discharge=replace(TEXT.discharge, observe_from_start_minutes=90)),
         ("block", "hard-rule", "discharge.observe_from_start_minutes")),
        (phase(gap_min_hours=30, gap_target_hours=84), ("warn", "close", "phases.0.gap_min_hours")),
        (phase(gap_min_hours=36, gap_target_hours=48), ("block", "too-many-a-week", "phases.0.gap_target_hours")),
        (phase(gap_min_hours=90, gap_target_hours=92, gap_max_hours=93, weekdays=(0,)),
         ("block", "weekdays-never-fit", "phases.0.weekdays")),
        (replace(TEXT, weekly_session_cap=1), ("block", "cap-cannot-hold", "weekly_session_cap")),
        (replace(TEXT, limits=replace(TEXT.limits, pause_systolic=210)), ("block", "limits-order", "limits.stop_systolic")),
        (replace(TEXT, staffing=(*TEXT.staffing, StaffPhase("nurse", 100, 120))),
         ("warn", "staff-overlap", "staffing.2.from_minute")),
        (replace(TEXT, staffing=TEXT.staffing[:1]), ("block", "no-nurse", "staffing")),
        (replace(TEXT, source=" "), ("block", "no-basis", "source")),
        (replace(TEXT, phases=(TEXT.phases[0], SeriesPhase("Induction", 1, 48, 84, 96))), ("warn", "duplicate", "phases")),
        (replace(TEXT, indication="A journey out of depression"), ("warn", "language-journey", "indication")),
        (replace(TEXT, evidence="Titrated until dissociation occurs."),
         ("block", "language-dose_to_dissociation", "evidence")),
    ],
    ids=lambda value: value[1] + "-" + value[2] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_planted_fault_is_found_at_its_field(text, expected):
    assert expected in found(text)


def test_a_session_at_four_days_can_never_be_met_three_times_a_week():
    late, number = rule(
        "integration_2", SIX_IN_TWELVE_DAYS, scope="each_infusion", earliest=Elapsed(4 * 1440),
        target=Elapsed(4 * 1440), latest=Elapsed(5 * 1440), hard_latest=Elapsed(5 * 1440),
    )  # fmt: skip
    assert ("block", "window-never-met", f"follow_ups.{number}.earliest") in found(late)
    once_a_week = replace(late, phases=(SeriesPhase("Weekly", 4, 144, 168, 192),))
    assert not any(code == "window-never-met" for _, code, _ in found(once_a_week))


def test_therapy_is_kept_out_of_the_no_therapy_period_and_marked():
    early, number = rule("integration_1", earliest=Elapsed(-60))
    assert ("block", "before-cleared", f"follow_ups.{number}.earliest") in found(early)
    unmarked, number = rule("integration_1", therapy=False)
    assert ("block", "unmarked-therapy", f"follow_ups.{number}.therapy") in found(unmarked)
    brief, number = rule("integration_1", latest=Elapsed(600), target=Elapsed(600), hard_latest=Elapsed(600))
    assert ("block", "window-too-short", f"follow_ups.{number}.hard_latest") in found(brief)


def test_dissociation_is_never_an_outcome():
    text, number = rule("outcome_set", title="Outcome: CADSS reached")
    assert ("block", "dissociation-as-outcome", f"follow_ups.{number}.title") in found(text)


@pytest.mark.parametrize(
    "words",
    ["off-label", "alternatives", "lood pressure", "issociation", "isuse and dependence", "ladder and urinary",
     "not needed for benefit", "not necessarily true", "plasticity", "licensed therapist", "relapse", "into a vein has"],
)  # fmt: skip
def test_a_consent_text_that_lacks_an_element_is_blocked(words):
    body = consent_text(TEXT).replace(words, "")
    if words in ("relapse", "alternatives"):
        body = (
            body.replace("had relapsed", "were ill")
            .replace("Alternatives", "Others")
            .replace("come back", "")
        )
    assert ("block", "consent-incomplete", "consent") in found(consent=body)


def test_documents_are_needed_with_the_three_questions_and_in_clinical_language():
    assert ("block", "teach-back-incomplete", "education") in found(education="Nothing is asked back here.")
    assert ("block", "no-document", "consent") in {
        (i.severity, i.code, i.field) for i in review(TEXT, {"education": "x"})
    }
    body = consent_text(TEXT) + "\n\nTogether we go on a journey to a guaranteed cure."
    codes = {(severity, code) for severity, code, field in found(consent=body) if field == "consent"}
    assert codes == {("warn", "language-journey"), ("block", "language-cure")}


def test_a_published_text_without_a_review_date_is_found():
    assert ("block", "no-review-date", "next_review_on") in found(published=True)
