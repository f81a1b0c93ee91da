"""Totals, bands and changes of the four instruments."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.scoring import INSTRUMENTS, band, change, check_total, suicide_item, total
from staff.errors import InvalidInput


@pytest.mark.parametrize("code", INSTRUMENTS)
def test_bands_cover_the_whole_range_once(code: str) -> None:
    instrument = INSTRUMENTS[code]
    covered = [value for item in instrument.bands for value in range(item.low, item.high + 1)]
    assert covered == list(range(instrument.highest + 1))


@pytest.mark.parametrize("code", ["phq9", "gad7", "madrs"])
def test_plain_totals_are_sums(code: str) -> None:
    instrument = INSTRUMENTS[code]
    assert total(code, [instrument.highest_item] * instrument.items) == instrument.highest
    assert total(code, [0] * instrument.items) == 0
    answers = [number % 3 for number in range(instrument.items)]
    assert total(code, answers) == sum(answers)


def test_qids_takes_the_worst_of_its_groups() -> None:
    answers = [0, 2, 1, 0, 1, 0, 3, 1, 0, 1, 1, 0, 2, 0, 1, 3]
    assert total("qids_sr16", answers) == 2 + 1 + 3 + (1 + 1 + 0 + 2 + 0) + 3
    assert total("qids_sr16", [3] * 16) == 27


@pytest.mark.parametrize("item", range(1, 17))
def test_every_qids_item_can_move_the_total(item: int) -> None:
    answers = [0] * 16
    answers[item - 1] = 3
    assert total("qids_sr16", answers) == 3


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(INSTRUMENTS)), st.data())
def test_one_missing_answer_is_never_a_total(code: str, data: st.DataObject) -> None:
    instrument = INSTRUMENTS[code]
    answers = data.draw(
        st.lists(
            st.integers(0, instrument.highest_item), min_size=instrument.items, max_size=instrument.items
        )
    )
    assert 0 <= total(code, answers) <= instrument.highest
    place = data.draw(st.integers(0, instrument.items - 1))
    with pytest.raises(InvalidInput) as refused:
        total(code, [*answers[:place], None, *answers[place + 1 :]])
    assert refused.value.field == f"items.{place + 1}"
    with pytest.raises(InvalidInput):
        total(code, answers[:-1])


@st.composite
def complete(draw: st.DrawFn) -> tuple[str, list[int]]:
    """An instrument and an answer to each of its items."""
    code = draw(st.sampled_from(sorted(INSTRUMENTS)))
    one = INSTRUMENTS[code]
    return code, draw(st.lists(st.integers(0, one.highest_item), min_size=one.items, max_size=one.items))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(complete(), st.data())
def test_a_worse_answer_never_lowers_the_total(taken: tuple[str, list[int]], data: st.DataObject) -> None:
    code, answers = taken
    place = data.draw(st.integers(0, len(answers) - 1))
    worse = [*answers]
    worse[place] = INSTRUMENTS[code].highest_item
    before, after = total(code, answers), total(code, worse)
    assert 0 <= before <= after <= INSTRUMENTS[code].highest
    assert after - before <= worse[place] - answers[place]
    assert band(code, before).low <= before <= band(code, before).high


@settings(max_examples=80, deadline=None, derandomize=True)
@given(complete())
def test_totals_are_the_sum_of_items_and_of_domains_where_the_rule_has_them(
    taken: tuple[str, list[int]],
) -> None:
    code, answers = taken
    if code != "qids_sr16":
        assert total(code, answers) == sum(answers)
        return
    sleep, sad, weight, middle, motion = answers[:4], answers[4], answers[5:9], answers[9:14], answers[14:]
    assert total(code, answers) == max(sleep) + sad + max(weight) + sum(middle) + max(motion)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(INSTRUMENTS)), st.data())
def test_a_partial_or_overlong_set_is_never_totalled(code: str, data: st.DataObject) -> None:
    one = INSTRUMENTS[code]
    length = data.draw(st.integers(0, one.items + 3).filter(lambda n: n != one.items))
    with pytest.raises(InvalidInput):
        total(code, [one.highest_item] * length)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(INSTRUMENTS)), st.data())
def test_response_and_remission_by_their_definitions(code: str, data: st.DataObject) -> None:
    one = INSTRUMENTS[code]
    before, after = (data.draw(st.integers(0, one.highest)) for _ in range(2))
    found, cut = change(code, before, after), one.remission_at_most
    remitted = cut is not None and after <= cut < before
    assert (found == "remission") is remitted
    assert (found == "response") is (not remitted and before > 0 and after * 2 <= before)


@pytest.mark.parametrize("answer", [-1, 4, True, 1.0, "1"])
def test_answers_outside_the_scale_are_refused(answer: object) -> None:
    with pytest.raises(InvalidInput):
        total("phq9", [answer, *[0] * 8])


@pytest.mark.parametrize("value", [-1, 28, True, 3.0, None])
def test_totals_outside_the_range_are_refused(value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_total("phq9", value)
    assert refused.value.field == "total"


PUBLISHED = {  # bands by their highest total, remission at most, items, highest total, days asked about (clinical E)
    "phq9": ({4: "Minimal", 9: "Mild", 14: "Moderate", 19: "Moderately severe", 27: "Severe"}, 4, 9, 27, 14),
    "gad7": ({4: "Minimal", 9: "Mild", 14: "Moderate", 21: "Severe"}, None, 7, 21, 14),
    "qids_sr16": ({5: "None", 10: "Mild", 15: "Moderate", 20: "Severe", 27: "Very severe"}, 5, 16, 27, 7),
    "madrs": ({6: "Normal", 19: "Mild", 34: "Moderate", 60: "Severe"}, 10, 10, 60, 7),
}


@pytest.mark.parametrize("code", PUBLISHED)
def test_every_band_edge_and_cut_off_is_the_published_one(code: str) -> None:
    bands, remission, items, highest, days = PUBLISHED[code]
    one = INSTRUMENTS[code]
    assert (one.remission_at_most, one.items, one.highest, one.recall_days) == (
        remission,
        items,
        highest,
        days,
    )
    low = 0
    for high, label in bands.items():
        assert (band(code, low).label, band(code, high).label) == (label, label)
        low = high + 1
    assert low == highest + 1
    assert set(INSTRUMENTS) == set(PUBLISHED)
    if remission is not None:
        assert change(code, highest, remission) == "remission" != change(code, highest, remission + 1)
        assert change(code, remission, 0) != "remission", "who starts there does not remit"


@pytest.mark.parametrize(
    ("code", "before", "after", "expected"),
    [
        ("phq9", 20, 10, "response"),
        ("phq9", 20, 11, "none"),
        ("phq9", 20, 4, "remission"),
        ("qids_sr16", 18, 5, "remission"),
        ("qids_sr16", 18, 9, "response"),
        ("madrs", 32, 10, "remission"),
        ("madrs", 8, 6, "none"),
        ("gad7", 14, 2, "response"),
        ("phq9", 0, 0, "none"),
    ],
)
def test_change(code: str, before: int, after: int, expected: str) -> None:
    assert change(code, before, after) == expected


@pytest.mark.parametrize(
    ("answer", "previous", "handling"),
    [
        (0, None, "none"),
        (1, None, "alert"),
        (1, 0, "alert"),
        (1, 1, "review"),
        (1, 2, "review"),
        (2, 2, "alert"),
        (3, 1, "alert"),
    ],
)
def test_suicidal_thoughts(answer: int, previous: int | None, handling: str) -> None:
    assert suicide_item("phq9", answer, previous).handling == handling


def test_gad7_has_no_such_item() -> None:
    with pytest.raises(InvalidInput):
        suicide_item("gad7", 1)
    with pytest.raises(InvalidInput):
        total("bdi", [1])
