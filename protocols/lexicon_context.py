"""Denial and quoted patient speech: when a word of the lexicon is said, but not claimed. Pure module."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from protocols.lexicon_text import BREAK, Prose, Spans

Place = TypeVar("Place", bound=tuple[int, int, Any, tuple[int, int]])

REACH = 400  # characters of a sentence that are looked at on either side
_WORDS = tomllib.loads((Path(__file__).parent / "lexicon_words.toml").read_text(encoding="utf-8"))


def _any_of(name: str) -> str:
    return f"(?:{'|'.join(_WORDS[name])})"


def _pattern(*parts: str) -> re.Pattern[str]:
    return re.compile("".join(parts), re.IGNORECASE)


_WHO, _SAY = _any_of("patient_side"), _any_of("says")
_OPEN, _CLOSED = "\"'\u201c\u2018(", "\"'\u201d)"
_IN_SENTENCE = '[^.!?"\u201c\u201d]'
_DENIED = _pattern(
    rf"(?<![\w]){_any_of('negators')}(?: ?[{_OPEN}]?{_any_of('between')})*[ -]?[{_OPEN}]*$",
)
_NO_EVIDENCE = _pattern(
    r"\b(?:no|little|insufficient|lacks?|without) (?:\w+ ){0,2}",
    r"(?:evidence|proof|guarantee|claim|promise|trials?|stud(?:y|ies)|data)\b[^;:,]{0,70}$",
    r"|\b(?:myth|misconception|false claim|falsely|untrue|wrong to (?:say|think|claim|believe))\b[^;]{0,80}$",
)
_NAMED_AS_WORD = _pattern(
    r"\b(?:avoid\w*|do not|don't|never|not|instead of|rather than|replac\w+|no longer)\b[^;]{0,60}",
    r"\b(?:words?|terms?|phrases?|expressions?|wording|labels?)\b[^;]{0,120}$",
)
_DENIED_AFTER = _pattern(
    rf"^[{_CLOSED}]*(?: (?!but\b|and\b|,)\w+){{0,4}}? ",
    r"(?:(?:is|are|was|were|can|could|should|must|will|may|do|does|did|has|have)",
    r"(?: not(?! (?:only|just|merely|simply)\b)|n't| never| neither)|cannot|can't|won't|is no|are no)",
    r"(?: be| been| an?| the| our| any| to)*(?: (?:treatment|clinical|therapeutic|valid|useful|safe))?",
    rf" {_any_of('denied_after')}\b",
)
_LISTED = _pattern(
    rf"^[{_CLOSED}]*(?:,| or| nor| and|, or|, nor|, and| ?/)",
    rf"(?: (?:a|an|any|the|even|no|or|\w+ly))*(?: \w+)? ?[{_OPEN}]*$",
)
_ANSWER_NO = re.compile(r"^[\s\ue000]*(?:[Nn]o\b|[Nn]ot\b|[Nn]ever\b|[Uu]nlikely\b)")

_QUOTE_BEFORE = _pattern(
    rf"\b{_WHO}\b{_IN_SENTENCE}{{0,60}}\b{_SAY}\b{_IN_SENTENCE}{{0,40}}$",
    r"|\b(?:patient|participant|client|her|his|their)(?:'s|s')? (?:own )?",
    rf"(?:words?|quotes?|account|statement|voice|feedback|report|diary|language)\b{_IN_SENTENCE}{{0,40}}$",
    r"|\b(?:according to|quot(?:e|ed|ing)|words of|verbatim from|said by) (?:the |a |one |our )?(?:\w+ )?",
    rf"{_WHO}\b{_IN_SENTENCE}{{0,20}}$|\b(?:patient|pt|client|participant|patient quote)\s?: ?$",
)
_QUOTE_AFTER = _pattern(
    r"^[,.]? ?[-(]? ?(?:(?:the|a|an|one|our|another|this|some|many|most) )?(?:[\w-]+ ){0,2}?",
    rf"{_WHO}\b(?: [\w-]+){{0,4}}? {_SAY}\b",
    rf"|^[,.]? ?{_SAY} (?:(?:the|a|an|one|our|another|this|some|many) )?(?:[\w-]+ )?{_WHO}\b",
    rf"|^ ?(?:-+|\() ?(?:(?:a|the|one|our) )?(?:\w+ )?{_WHO}\b",
)
_STAFF_BEFORE = _pattern(
    rf"\b{_any_of('clinic_side')}\b{_IN_SENTENCE}{{0,40}}\b{_SAY}\b{_IN_SENTENCE}{{0,40}}$",
)
_FIRST_PERSON = _pattern(r"\b(?:i|i'm|i've|i'd|i'll|me|my|myself|mine)\b")
_TRANSCRIPT = _pattern(rf"(?:^|{BREAK}) ?(?:patient|pt|client|participant)\s?: ")
_QUOTES = re.compile(
    r"\u201c[^\u201c\u201d\"\ue000]{1,2000}[\u201d\u201c\"]"
    r"|\"[^\"\ue000]{1,2000}\""
    r"|\u2018(?:[^\u2018\ue000]{1,1000}?)'(?!\w)"
    r"|(?<![\w'])'(?=[^\s'])(?:[^'\ue000]|(?<=\w)'(?=\w)){1,1000}?(?<=\S)'(?!\w)"
)


class Context:
    """What surrounds a place in one text."""

    def __init__(self, prose: Prose) -> None:
        self._prose = prose
        self._speech = self._patient_speech()

    def sentence(self, number: int) -> str:
        """The words of one sentence."""
        start, end = self._prose.sentences[number]
        return self._prose.text[start:end]

    def is_patient_speech(self, start: int, end: int) -> bool:
        """Whether [start, end) lies inside words that a patient said."""
        return self._speech.holds(start, end)

    def without_denied(self, places: list[Place]) -> list[Place]:
        """The places whose words are claimed, not denied. A denial reaches along a list ("not a cure or a miracle")."""
        kept: list[Place] = []
        denied_until = -1
        for place in sorted(places, key=lambda item: (item[0], item[1])):
            start, end = place[0], place[1]
            listed = 0 <= denied_until <= start and bool(
                _LISTED.match(self._prose.text[denied_until:start]) if start > denied_until else False
            )
            if (
                listed
                or start < denied_until
                or any(self._is_denied(*span) for span in {(start, end), place[3]})
            ):
                denied_until = max(denied_until, end)
            else:
                kept.append(place)
        return kept

    def _is_denied(self, start: int, end: int) -> bool:
        text, number = self._prose.text, self._prose.sentence_at(start)
        first, last = self._prose.sentences[number]
        before, after = text[max(first, start - REACH) : start], text[end : min(last, end + REACH)]
        if _DENIED.search(before) or _NO_EVIDENCE.search(before) or _NAMED_AS_WORD.search(before):
            return True
        if _DENIED_AFTER.match(after):
            return True
        return text[end:last].rstrip("\"' \u201d)").endswith("?") and bool(
            _ANSWER_NO.match(text[last : last + 20])
        )

    def _patient_speech(self) -> Spans:
        text, spans = self._prose.text, []
        for match in _QUOTES.finditer(text):
            start, end = match.span()
            first, last = self._prose.paragraph_at(start)
            before, after = text[max(first, start - 160) : start], text[end : min(last, end + 80)]
            if not _QUOTE_BEFORE.search(before) and _STAFF_BEFORE.search(before):
                continue
            spoken = _FIRST_PERSON.search(match[0]) and match[0].count(" ") >= 2
            if spoken or _QUOTE_BEFORE.search(before) or _QUOTE_AFTER.match(after):
                spans.append((start, end))
        for match in _TRANSCRIPT.finditer(text):
            _, last = self._prose.paragraph_at(match.end())
            if _FIRST_PERSON.search(text, match.end(), last):
                spans.append((match.end(), last))
        return Spans(spans)
