"""Contraindications, the gate before the start, and the gates of the vitals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from protocols.definition import VitalsLimits
from protocols.library import DEFAULT_CHECKS
from sessions.eligibility import (
    CHECKS,
    CONTRAINDICATIONS,
    HARD_AT_START,
    CheckResult,
    Reading,
    check_contraindications,
    check_start,
    start_gate,
)
from sessions.running_gate import fit_to_start, may_resume, running_gate

NOW = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
LIMITS = VitalsLimits()


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def passed(**changes: CheckResult) -> dict[str, CheckResult]:
    everything = {code: CheckResult(code, "passed") for code in (*DEFAULT_CHECKS, "order")}
    return {**everything, **changes}


GOOD = [Reading(at(-5), 128, 78, 72, 97)]


def start(results: dict[str, CheckResult], readings: list[Reading] | None = None, **facts):
    given = GOOD if readings is None else readings
    return check_start(DEFAULT_CHECKS, results, readings=given, limits=LIMITS, now=NOW, **facts)


def test_every_default_check_has_words_and_every_code_fits_the_column() -> None:
    assert set(DEFAULT_CHECKS) <= set(CHECKS)
    assert set(HARD_AT_START) <= set(CHECKS)
    assert all(len(code) <= 40 for code in CONTRAINDICATIONS)


def test_all_passed_may_start() -> None:
    decision = start(passed())
    assert decision.may_start
    assert not decision.needs_prescriber
    assert decision.findings == ()


@pytest.mark.parametrize("code", [code for code in HARD_AT_START if code != "blood_pressure"])
@pytest.mark.parametrize("outcome", ["missing", "failed", "not-applicable"])
def test_hard_checks_block_and_cannot_be_waved_through(code: str, outcome: str) -> None:
    results = passed()
    if outcome == "missing":
        del results[code]
    else:
        results[code] = CheckResult(code, outcome, note="said so")
    decision = start(results)
    assert not decision.may_start
    assert [item.code for item in decision.findings] == [code]


def test_the_hard_checks_count_even_where_a_version_forgot_them() -> None:
    decision = check_start((), {}, readings=GOOD, limits=LIMITS, now=NOW)
    assert {item.code for item in decision.findings} == set(HARD_AT_START) - {"blood_pressure"}


def test_soft_checks_ask_a_prescriber() -> None:
    decision = start(passed(suicidality_screen=CheckResult("suicidality_screen", "failed")))
    assert decision.may_start
    assert decision.needs_prescriber


def test_fasting_says_from_when() -> None:
    decision = start(passed(fasting=CheckResult("fasting", "failed")), can_start_from=at(75))
    assert decision.findings[0].recheck_at == at(75)


def test_pregnancy_test_may_be_not_applicable_with_a_note_only() -> None:
    assert start(
        passed(pregnancy_test=CheckResult("pregnancy_test", "not-applicable", "post-menopausal"))
    ).may_start
    assert not start(passed(pregnancy_test=CheckResult("pregnancy_test", "not-applicable"))).may_start
    assert not start(passed(pregnancy_test=CheckResult("pregnancy_test", "failed"))).may_start


@pytest.mark.parametrize(
    ("readings", "severities"),
    [
        ([], ["block"]),
        ([Reading(at(-61), 120, 70)], ["block"]),
        ([Reading(at(-1), 140, 90)], []),
        ([Reading(at(-1), 141, 90)], ["warn"]),
        ([Reading(at(-1), 160, 100)], ["warn"]),
        ([Reading(at(-1), 165, 98)], ["block"]),
        ([Reading(at(-6), 165, 98), Reading(at(-1), 150, 88)], ["warn"]),
        ([Reading(at(-4), 165, 98), Reading(at(-1), 164, 98)], ["block"]),
        ([Reading(at(-6), 165, 98), Reading(at(-1), 164, 98)], ["decide"]),
        ([Reading(at(-6), 165, 98), Reading(at(-1), 181, 98)], ["block"]),
        ([Reading(at(-6), 120, 80), Reading(at(-1), 164, 98)], ["block"]),
    ],
)
def test_blood_pressure_before_the_start(readings: list[Reading], severities: list[str]) -> None:
    assert [item.severity for item in start_gate(readings, LIMITS, now=NOW)] == severities


def test_a_high_reading_says_when_to_recheck() -> None:
    finding = start_gate([Reading(at(-1), 165, 98)], LIMITS, now=NOW)[0]
    assert finding.recheck_at == at(4)


def test_a_tick_does_not_replace_a_reading() -> None:
    assert not start(passed(), readings=[]).may_start


@pytest.mark.parametrize(
    ("reading", "act"),
    [
        (Reading(at(10), 150, 90, 80, 97, 5), "none"),
        (Reading(at(10), 180, 110, 120, 92, 3), "none"),
        (Reading(at(10), 181, 90, 80, 97), "pause"),
        (Reading(at(10), 150, 111, 80, 97), "pause"),
        (Reading(at(10), 150, 90, 80, 91), "pause"),
        (Reading(at(10), 150, 90, 80, 97, 2), "pause"),
        (Reading(at(10), 150, 90, 121, 97), "recheck"),
        (Reading(at(10), 201, 90, 80, 97), "stop"),
        (Reading(at(10), 150, 121, 80, 97), "stop"),
        (Reading(at(10), 150, 90, 80, 87), "stop"),
    ],
)
def test_gates_while_running(reading: Reading, act: str) -> None:
    decision = running_gate([reading], LIMITS)
    assert decision.act == act
    assert (decision.recheck_at == at(15)) is (act in ("pause", "recheck"))


def test_a_sustained_fast_heart_pauses() -> None:
    fast = [Reading(at(5), 140, 80, 125, 97), Reading(at(10), 140, 80, 130, 97)]
    assert running_gate(fast, LIMITS).act == "pause"
    assert running_gate([fast[0], Reading(at(9), 140, 80, 130, 97)], LIMITS).act == "recheck"


@pytest.mark.parametrize(
    ("sign", "act"), [("chest_pain", "stop"), ("patient_request", "stop"), ("severe_distress", "pause")]
)
def test_signs_count_without_numbers(sign: str, act: str) -> None:
    assert running_gate([], LIMITS, signs=[sign]).act == act
    assert running_gate([], LIMITS).act == "none"


def test_resuming_needs_a_good_reading_after_the_pause_and_a_note() -> None:
    readings = [Reading(at(10), 185, 90, 80, 97)]
    assert {item.code for item in may_resume(readings, LIMITS, paused_at=at(11), note="")} == {
        "vitals",
        "note",
    }
    readings.append(Reading(at(16), 183, 90, 80, 97))
    assert [item.code for item in may_resume(readings, LIMITS, paused_at=at(11), note="settled")] == [
        "vitals"
    ]
    readings.append(Reading(at(21), 150, 90, 80, 97))
    assert may_resume(readings, LIMITS, paused_at=at(11), note="settled") == ()


@pytest.mark.parametrize(
    ("reading", "severities"),
    [
        (Reading(at(0), 120, 80, 70, 98), []),
        (Reading(at(0), 120, 80, 70, 92), []),
        (Reading(at(0), 120, 80, 70, 91), ["decide"]),
        (Reading(at(0), 120, 80, 70, 87), ["block"]),
        (Reading(at(0), 120, 80, 121, 98), ["decide"]),
        (Reading(at(0), 120, 80, 70, 98, 2), ["block"]),
        (Reading(at(0), 120, 80, 130, 91, 5), ["decide", "decide"]),
        (Reading(at(0), 120, 80), []),
    ],
)
def test_nobody_starts_what_would_be_stopped_at_once(reading: Reading, severities: list[str]) -> None:
    assert [item.severity for item in fit_to_start([reading], LIMITS)] == severities
    recovered = Reading(at(5), 120, 80, 70, 98, 5)
    assert fit_to_start([reading, recovered], LIMITS) == ()


def test_beyond_the_stop_limit_nothing_lets_it_go_on() -> None:
    """However good later readings are; a reading of before the start does not count."""
    before, beyond, good = (
        Reading(at(-5), 205, 90, 80, 97),
        Reading(at(10), 205, 90, 80, 97),
        Reading(at(16), 130, 80, 80, 98),
    )
    asked = {"paused_at": at(11), "note": "settled", "since": at(0)}
    assert may_resume([before, good], LIMITS, **asked) == ()
    assert [item.code for item in may_resume([beyond, good], LIMITS, **asked)] == ["stop"]
    assert [item.code for item in may_resume([good], LIMITS, **asked, signs=["chest_pain"])] == ["stop"]
    still = running_gate([beyond, good], LIMITS, since=at(0))
    assert (still.act, still.reasons) == ("stop", ("Blood pressure 205/90 earlier",))


def test_contraindications_block_or_ask() -> None:
    found = check_contraindications(
        {"aneurysmal_vascular_disease": "absolute", "bladder_disease": "caution", "site_own": "caution"},
        age_years=40,
        minimum_age=18,
    )
    assert [(item.severity, item.code) for item in found] == [
        ("block", "aneurysmal_vascular_disease"),
        ("decide", "bladder_disease"),
        ("decide", "site_own"),
    ]


def test_a_minor_is_refused_in_words() -> None:
    found = check_contraindications({}, age_years=17, minimum_age=18)
    assert found[0].severity == "block"
    assert "17" in found[0].message
