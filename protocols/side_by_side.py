"""Two texts beside each other in clinical words, the changed elements marked. Pure module."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocols.definition import FollowUpRule, ProtocolDefinition
from protocols.reading import Row, follow_ups, sections

ABSENT = "not there"


@dataclass(frozen=True)
class Pair:
    """One element in both texts. `items` are lines below the value; `changed` where anything differs."""

    label: str
    before: str
    after: str
    before_items: tuple[str, ...] = ()
    after_items: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Either side says something else."""
        return (self.before, self.before_items) != (self.after, self.after_items)


@dataclass(frozen=True)
class PairedSection:
    """Elements under one heading."""

    code: str
    title: str
    pairs: tuple[Pair, ...]

    @property
    def changes(self) -> int:
        """How many of them differ."""
        return sum(pair.changed for pair in self.pairs)


@dataclass(frozen=True)
class Words:
    """A run of words that both have (`same`), or only one of them (`gone`, `new`)."""

    kind: str
    text: str


def side_by_side(before: ProtocolDefinition, after: ProtocolDefinition) -> tuple[PairedSection, ...]:
    """Every section of both, in the order of a treatment day, then the follow-ups."""
    old = {section.code: section for section in sections(before)}
    found = [
        PairedSection("about", "What it is for", tuple(_about(before, after))),
        *(
            PairedSection(section.code, section.title, tuple(_rows(old[section.code].rows, section.rows)))
            for section in sections(after)
            if section.code in old
        ),
        PairedSection("follow", "Follow-ups", tuple(_follow_ups(before, after))),
    ]
    return tuple(found)


def _about(before: ProtocolDefinition, after: ProtocolDefinition) -> Iterable[Pair]:
    for label, name in (
        ("Title", "title"),
        ("Indication", "indication"),
        ("Source", "source"),
        ("Evidence", "evidence"),
    ):
        yield Pair(label, getattr(before, name) or "none", getattr(after, name) or "none")


def _rows(before: Sequence[Row], after: Sequence[Row]) -> Iterable[Pair]:
    """By label; rows of one label are paired in their order."""
    old = dict(_numbered(before))
    for key, row in _numbered(after):
        was = old.pop(key, None)
        yield Pair(row.label, was.value if was else ABSENT, row.value, was.items if was else (), row.items)
    for row in old.values():
        yield Pair(row.label, row.value, ABSENT, row.items)


def _numbered(rows: Sequence[Row]) -> Iterable[tuple[tuple[str, int], Row]]:
    seen: Counter[str] = Counter()
    for row in rows:
        yield (row.label, seen[row.label]), row
        seen[row.label] += 1


def _follow_ups(before: ProtocolDefinition, after: ProtocolDefinition) -> Iterable[Pair]:
    old, new = ({rule.kind: said for rule, said in _said(text)} for text in (before, after))
    for kind in (*new, *(kind for kind in old if kind not in new)):
        title = (new.get(kind) or old[kind])[0]
        yield Pair(
            title,
            old[kind][0] if kind in old else ABSENT,
            new[kind][0] if kind in new else ABSENT,
            old[kind][1:] if kind in old else (),
            new[kind][1:] if kind in new else (),
        )


def _said(text: ProtocolDefinition) -> Iterable[tuple[FollowUpRule, tuple[str, ...]]]:
    for rule, line in zip(text.follow_ups, follow_ups(text), strict=True):
        said = (
            line.title,
            f"For: {line.audience}",
            f"{line.scope}, when {line.after}",
            f"Earliest: {line.earliest}",
            f"Target: {line.target}",
            f"Late after: {line.late_after}; missed after: {line.missed_after}",
            f"Waits for: {line.waits_for}",
            *(["Therapy"] if line.therapy else []),
            *([f"{line.repeats} times"] if line.repeats > 1 else []),
            f"Grade {line.grade}: {line.source}",
        )
        yield rule, said


def word_changes(before: str, after: str) -> tuple[Words, ...]:
    """Two long texts word by word. Texts of more than 4000 words are compared line by line."""
    long = len(before) + len(after) > 60_000
    split = re.compile(r"(\n)" if long else r"(\s+)")
    old, new = split.split(before), split.split(after)
    found: list[Words] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            found.append(Words("same", "".join(old[a:b])))
            continue
        if b > a:
            found.append(Words("gone", "".join(old[a:b])))
        if d > c:
            found.append(Words("new", "".join(new[c:d])))
    return tuple(found)
