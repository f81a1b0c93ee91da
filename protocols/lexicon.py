"""Clinical-language check of any text: which words promise, mystify or borrow, and what to say instead. Pure module.

The rules are data (`protocols/lexicon_rules/*.toml`): a rule is a pattern with a context, an allow-list, and sentences
in which it must and must not fire. Rules name what the clinical lexicon (section F) lists; the reasons are there.

What does not fire, whatever the rule: a denial ("not a cure"), code and addresses (see `lexicon_text`), and quoted
patient speech. Quotation marks alone are not enough for that: the quote must be attributed to a patient, or speak in
the first person.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from protocols.lexicon_context import Context
from protocols.lexicon_text import BREAK, Prose, Spans, read

Severity = Literal["error", "warning"]
RULES_FOLDER = Path(__file__).parent / "lexicon_rules"
LONGEST_TEXT = 200_000  # characters that a page or the API checks at once


@dataclass(frozen=True)
class Rule:
    """A pattern fires (at its group `hit`, if it has one) unless the match overlaps a place that `allow` matches,
    `context` (if any) is not found in its sentence, or `unless` is. `term` is what one click puts in its place
    ("" = delete it; None = no word fits everywhere).

    In patterns a space is one space of the folded prose, and `~` a hyphen or a space.
    """

    code: str
    severity: Severity
    patterns: tuple[re.Pattern[str], ...]
    suggestion: str
    term: str | None
    reason: str
    allow: tuple[re.Pattern[str], ...] = ()
    context: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    fires: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()


Place = tuple[int, int, Rule, tuple[int, int]]
"""[start, end) of what is flagged, the rule, and [start, end) of the whole match with its surroundings."""


@dataclass(frozen=True)
class Finding:
    """One place: `line` and `column` from 1, in code points; `match` is the slice source[start:end]."""

    line: int
    column: int
    match: str
    severity: Severity
    suggestion: str
    reason: str
    rule: str = field(compare=False)
    term: str | None = field(compare=False)
    start: int = field(compare=False)
    end: int = field(compare=False)

    def as_json(self) -> dict[str, Any]:
        """The six fields of the contract."""
        return {
            "line": self.line,
            "column": self.column,
            "match": self.match,
            "severity": self.severity,
            "suggestion": self.suggestion,
            "reason": self.reason,
        }


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the files. Raises ValueError when the data is not what a rule needs."""
    found = []
    for path in sorted(RULES_FOLDER.glob("*.toml")):
        for code, data in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found.append(_rule(code, data))
    return tuple(found)


def _rule(code: str, data: dict[str, Any]) -> Rule:
    if data["severity"] not in ("error", "warning"):
        raise ValueError(f"{code}: severity must be error or warning")
    return Rule(
        code=code,
        severity=data["severity"],
        patterns=tuple(_compile(rf"(?<!\w)(?:{item})(?!\w)") for item in data["pattern"]),
        suggestion=data["suggestion"],
        term=data.get("term"),
        reason=data["reason"],
        allow=tuple(_compile(rf"(?<!\w)(?:{item})") for item in data.get("allow", ())),
        context=_compile(data["context"]) if "context" in data else None,
        unless=_compile(data["unless"]) if "unless" in data else None,
        fires=tuple(data["fires"]),
        passes=tuple(data["passes"]),
    )


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("~", "(?: ?- ?| )"), re.IGNORECASE)


def check_text(text: str, *, markdown: bool = False, markers: bool = False) -> tuple[Finding, ...]:
    """Findings in document order, no two of which overlap: of overlapping ones the longest stays.

    `markdown` and `markers` are those of `lexicon_text.read`.
    """
    prose = read(text, markdown=markdown, markers=markers)
    context = Context(prose)
    places = [place for rule in rules() for place in _places(rule, prose, context)]
    kept = _longest(context.without_denied(places))
    lines = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
    return tuple(
        _finding(rule, prose, start, end, lines) for start, end, rule, _ in sorted(kept, key=_by_start)
    )


def _places(rule: Rule, prose: Prose, context: Context) -> Iterable[Place]:
    matches = [
        (match.span("hit" if "hit" in pattern.groupindex else 0), match.span())
        for pattern in rule.patterns
        for match in pattern.finditer(prose.text)
    ]
    if not matches:
        return
    allowed = Spans(found.span() for pattern in rule.allow for found in pattern.finditer(prose.text))
    fitting: dict[int, bool] = {}
    for (start, end), whole in matches:
        if allowed.touches(start, end) or BREAK in prose.text[start:end]:
            continue
        number = prose.sentence_at(start)
        if number not in fitting:
            fitting[number] = _fits(rule, context.sentence(number))
        if fitting[number] and not context.is_patient_speech(start, end):
            yield start, end, rule, whole


def _fits(rule: Rule, sentence: str) -> bool:
    """Whether the rule holds in such a sentence."""
    if rule.context and not rule.context.search(sentence):
        return False
    return not (rule.unless and rule.unless.search(sentence))


def _longest(places: list[Place]) -> list[Place]:
    kept: list[Place] = []
    taken = Spans(())
    for start, end, rule, whole in sorted(
        places, key=lambda item: (item[0] - item[1], item[2].severity, item[0])
    ):
        if not taken.touches(start, end):
            taken.add(start, end)
            kept.append((start, end, rule, whole))
    return kept


def _by_start(place: Place) -> int:
    return place[0]


def _finding(rule: Rule, prose: Prose, start: int, end: int, lines: list[int]) -> Finding:
    first, last = prose.slice_of(start, end)
    line = bisect_right(lines, first)
    return Finding(
        line=line,
        column=first - lines[line - 1] + 1,
        match=prose.source[first:last],
        severity=rule.severity,
        suggestion=rule.suggestion,
        reason=rule.reason,
        rule=rule.code,
        term=rule.term,
        start=first,
        end=last,
    )


def with_term(text: str, finding: Finding) -> str:
    """`text` with the clinical term in the place of the finding; a capital at its beginning is kept.

    Raises ValueError when the rule has no term that fits everywhere, or the text is another one.
    """
    if finding.term is None or text[finding.start : finding.end] != finding.match:
        raise ValueError("there is no term for this place")
    term = finding.term
    if term and finding.match[:1].isupper():
        term = term[:1].upper() + term[1:]
    after = text[finding.end :]
    if not term and after.startswith(" "):
        after = after[1:]
    return text[: finding.start] + term + after
