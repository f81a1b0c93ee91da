"""The editor's boxes: round trip, every fault beside its box, three-way joins. Unsaved objects only."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import Elapsed, LocalClock
from protocols.definition_codec import dump
from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS
from protocols.sheet import as_far_as_right, read_moment, read_sheet, show_moment, tidy, to_sheet
from protocols.sheet_acts import apply_act, empty_sheet
from protocols.sheet_boxes import all_boxes, boxes, lists, sections
from protocols.sheet_merge import merge_sheets
from staff.errors import InvalidInput

SHEET = to_sheet(SIX_IN_THREE_WEEKS)
moments = st.builds(Elapsed, st.integers(-100_000, 500_000)) | st.builds(
    LocalClock, st.integers(0, 300), st.integers(0, 23), st.integers(0, 59)
)


@pytest.mark.parametrize("slug", SHIPPED)
def test_a_text_goes_into_its_boxes_and_comes_out_the_same(slug):
    reading = read_sheet(tidy(to_sheet(SHIPPED[slug])))
    assert reading.errors == {}
    assert reading.definition == SHIPPED[slug]


def test_every_value_has_one_place_in_the_form():
    placed = [item.path for section in sections() for item in section.items]
    assert sorted(placed) == sorted(all_boxes())
    assert all(item.label for item in boxes().values())


@given(moments)
@settings(max_examples=80)
def test_a_moment_reads_back_as_it_is_written(moment):
    assert read_moment(show_moment(dump(moment))) == dump(moment)


@pytest.mark.parametrize("text", ["25:00 same day", "soon", "1e9 h", "3 weeks", "-", "9:5 next day", "٣ h"])
def test_a_moment_that_is_none_is_told_how_to_write_it(text):
    with pytest.raises(InvalidInput, match="20 h"):
        read_moment(text)


@pytest.mark.parametrize(
    ("path", "typed", "words"),
    [
        ("dose.mg_per_kg", "5", "0.1 to 1.0"),
        ("dose.mg_per_kg", "-0.5", "0.1 to 1.0"),
        ("dose.mg_per_kg", "half", ""),
        ("dose.infusion_minutes", "1" + "0" * 30, "too many digits"),
        ("dose.route", "rectal", "Choose one"),
        ("title", "x" * 100_000, "Shorten"),
        ("vitals_minutes", "0, 20, 10", "must rise"),
        ("chair_minutes", "60", "must cover"),
        ("discharge.observe_from_start_minutes", "10", "at least 120"),
    ],
)
def test_a_fault_stands_beside_its_box(path, typed, words):
    reading = read_sheet(tidy({**SHEET, path: typed}))
    assert reading.definition is None
    assert words.lower() in reading.errors[path].lower()


@pytest.mark.parametrize(
    ("name", "typed", "box"),
    [
        ("visits", "1" + "0" * 30, "visits"),
        ("gap_min_hours", "-48", "gap_min_hours"),
        ("gap_max_hours", "50", "gap_target_hours"),
        ("weekdays", [], "weekdays"),
        ("weekdays", ["7"], "weekdays"),
    ],
)
def test_a_fault_in_a_row_stands_in_that_row(name, typed, box):
    sheet, _ = apply_act(SHEET, "add:phases")
    rows = [
        {**sheet["phases"][1], **sheet["phases"][0], "id": "r1"},
        {**sheet["phases"][0], "id": "r9", name: typed},
    ]
    reading = read_sheet({**sheet, "phases": rows})
    assert f"phases.r9.{box}" in reading.errors
    assert not any(found.startswith("phases.r1") for found in reading.errors)


def test_faults_of_order_are_told_beside_boxes_that_cannot_be_read():
    rows = [{**SHEET["phases"][0], "gap_max_hours": "72"}]
    reading = read_sheet({**SHEET, "dose.mg_per_kg": "", "phases": rows})
    assert set(reading.errors) == {"dose.mg_per_kg", "phases.r1.gap_target_hours"}
    assert reading.missing == {"dose.mg_per_kg"}


def test_reversed_windows_and_doubles_are_told():
    rows = [dict(row) for row in SHEET["follow_ups"]]
    rows[3]["earliest"] = "9 d"
    rows[5]["kind"] = rows[4]["kind"]
    errors = read_sheet({**SHEET, "follow_ups": rows}).errors
    assert "out of order" in errors["follow_ups.r4.earliest"]
    assert "twice" in errors["follow_ups.r6.title"]


def test_an_empty_protocol_asks_for_everything_and_draws_nothing():
    reading = read_sheet(tidy(empty_sheet()))
    assert reading.missing == set(reading.errors)
    assert {"title", "dose.mg_per_kg", "phases", "preinfusion_checks", "chair_minutes"} <= reading.missing
    assert as_far_as_right(empty_sheet(), SIX_IN_THREE_WEEKS) is None


def test_a_sample_leaves_out_what_is_wrong():
    rows = [dict(row) for row in SHEET["follow_ups"]]
    rows[0]["target"] = "later"
    found = as_far_as_right({**SHEET, "chair_minutes": "x", "follow_ups": rows}, SIX_IN_THREE_WEEKS)
    assert found == replace(SIX_IN_THREE_WEEKS, follow_ups=SIX_IN_THREE_WEEKS.follow_ups[1:])


def test_rows_are_added_moved_and_removed_by_their_own_name():
    sheet, focus = apply_act(SHEET, "add:follow_ups")
    assert focus == f"follow_ups.{sheet['follow_ups'][-1]['id']}.title"
    sheet, _ = apply_act(sheet, f"up:follow_ups:{sheet['follow_ups'][-1]['id']}")
    assert sheet["follow_ups"][-2]["title"] == ""
    sheet, _ = apply_act(sheet, f"remove:follow_ups:{sheet['follow_ups'][-2]['id']}")
    assert read_sheet(sheet).definition == SIX_IN_THREE_WEEKS
    assert apply_act(SHEET, "remove:follow_ups:r99")[0] == SHEET
    assert apply_act(SHEET, "usual:follow_ups")[0] == SHEET
    for act in ("add:dose", "explode:phases", "", "usual:"):
        with pytest.raises(InvalidInput):
            apply_act(SHEET, act)


changes = st.lists(
    st.tuples(st.sampled_from(["title", "dose.mg_per_kg", "source"]), st.sampled_from(["1", "2", "3"])),
    max_size=3,
)
acts = st.lists(
    st.sampled_from(
        ["add:phases", "remove:follow_ups:r2", "up:follow_ups:r5", "add:staffing", "remove:staffing:r1"]
    ),
    max_size=3,
)


def edited(boxes_changed, pressed):
    sheet = {**SHEET, **dict(boxes_changed)}
    for act in pressed:
        sheet, _ = apply_act(sheet, act)
    return sheet


@given(changes, acts)
@settings(max_examples=60)
def test_joining_with_somebody_who_changed_nothing_keeps_my_edit(boxes_changed, pressed):
    mine = edited(boxes_changed, pressed)
    for merged in (
        merge_sheets(SHEET, mine, SHEET),
        merge_sheets(SHEET, SHEET, mine),
        merge_sheets(SHEET, mine, mine),
    ):
        assert merged.clashes == ()
        assert merged.sheet == mine


@given(changes, changes, st.sampled_from(["mine", "theirs"]))
@settings(max_examples=60)
def test_nothing_of_either_is_lost(first, second, pick):
    mine, theirs = edited(first, []), edited(second, [])
    merged = merge_sheets(SHEET, mine, theirs)
    picked = merge_sheets(SHEET, mine, theirs, {clash.key: pick for clash in merged.clashes}).sheet
    for path in boxes():
        if isinstance(SHEET[path], list):
            continue
        sides = {mine[path], theirs[path]} - {SHEET[path]}
        if len(sides) == 2:
            assert path in {clash.key for clash in merged.clashes}
            assert picked[path] == (mine if pick == "mine" else theirs)[path]
        elif sides:
            assert picked[path] in sides


def test_a_row_that_one_removed_and_the_other_changed_is_asked_about():
    mine, _ = apply_act(SHEET, "remove:follow_ups:r4")
    theirs = {**SHEET, "follow_ups": [dict(row) for row in SHEET["follow_ups"]]}
    theirs["follow_ups"][3]["target"] = "22 h"
    merged = merge_sheets(SHEET, mine, theirs)
    (clash,) = merged.clashes
    assert (clash.mine, clash.theirs) == ("removed", "changed")
    assert len(merged.sheet["follow_ups"]) == len(SHEET["follow_ups"])
    assert len(merge_sheets(SHEET, mine, theirs, {clash.key: "mine"}).sheet["follow_ups"]) == len(
        mine["follow_ups"]
    )


@pytest.mark.parametrize(
    "sheet",
    [
        {"phases": "x"},
        {"phases": [{"id": "<script>"}]},
        {"phases": [{"id": "a"}, {"id": "a"}]},
        {"phases": [7]},
        {"evidence": "x" * 200_000},
    ],
)
def test_what_is_no_sheet_is_refused(sheet):
    with pytest.raises(InvalidInput):
        tidy(sheet)
    assert set(lists()) >= {"phases", "staffing", "follow_ups"}


def test_text_that_cannot_be_stored_is_dropped_not_kept():
    assert tidy({"title": "a\x00b\ud800c"})["title"] == "abc"
