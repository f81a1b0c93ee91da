"""A text as the lexicon check reads it: prose only, one space between words, every place traceable. Pure module.

`read(text)` leaves out what is no prose (code, addresses, template tags, HTML tags and their attributes, comments),
folds typographic variants (curly quotes, odd hyphens, non-breaking spaces, soft hyphens, ligatures, full-width letters,
entities, emphasis marks), and remembers for each remaining character where it stands in the source.
"""

from __future__ import annotations

import bisect
import html
import itertools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

BREAK = "\ue000"  # between paragraphs, list items, headings, cells: no phrase and no sentence goes across
HIDDEN = "\ue001"  # where something that is no prose was
FOLD = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u2019\u02bc\u2032\uff07", "'"),
    **dict.fromkeys("\u00ab\u201e\u201f", "\u201c"),
    "\u00bb": "\u201d",
    "\uff02": '"',
}
NOTHING = dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", "")

_NOT_PROSE = re.compile(
    r"""
      (?P<fence>^[ ]{0,3}(?P<mark>`{3,}|~{3,})[^\n]*\n(?:[^\n]*\n){0,5000}?[ ]{0,3}(?P=mark)[`~]*[ \t]*$)
    | (?P<raw><(?P<tag>script|style|code|pre|kbd|samp|svg)\b[^<>]*>(?:(?!<(?P=tag)\b).)*?</(?P=tag)\s*>)
    | (?P<comment><!--(?:(?!<!--).)*?-->|\{(?P<brace>[%{\#])(?:(?!\{[%{\#])[^}])*\}{1,2})
    | (?P<code>(?<!`)(?P<ticks>`+)(?!`)[^`](?:(?!\n[ \t]*\n).){0,2000}?(?<!`)(?P=ticks)(?!`))
    | (?P<url>(?:https?|ftp|mailto|tel)://?[^\s<>"']+|(?:mailto|tel):[^\s<>"']+|\bwww\.[^\s<>"']+
        |(?<=\]\()[^)\s]+
        |(?<![\w.+-])[\w.+-]{1,100}@[\w-]+\.[\w.-]+
        |\b(?:[\w-]{1,63}\.){1,6}(?:com|org|net|info|health|clinic|care|edu|gov|io|app|uk|eu|de|fr|es|nl|ch|at|au|ca|us|nz|ie)\b(?:/[^\s<>"')]*)?
        |(?<![\w~.-])[\w~.-]{0,100}(?:/[\w.-]{1,100}){1,20}\.[A-Za-z]\w{0,5}\b
        |\b[\w-]{1,100}\.(?:html?|pdf|docx?|md|txt|py|json|csv|xlsx?|png|jpe?g|svg|css|js)\b)
    | (?P<block></?(?:address|article|aside|blockquote|body|br|caption|dd|div|dl|dt|fieldset|figcaption|figure|footer
        |form|h[1-6]|head|header|hr|html|legend|li|main|nav|ol|option|p|section|select|table|tbody|td|textarea|tfoot|th|thead
        |title|tr|ul)\b[^<>]*>)
    | (?P<inline></?[A-Za-z][^<>]*>)
    | (?P<entity>&(?:\#\d{1,7}|\#x[0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)
    | (?P<paragraph>\r?\n[ \t]*\r?\n[\s]*|\r[ \t]*\r(?!\n)[\s]*)
    | (?P<item>(?:\r\n|\n|\r)[ \t]*(?:>[ \t]*)*
        (?:[-*+\u2022][ \t]+|\d{1,3}[.)][ \t]+|\#{1,6}[ \t]+|[=-]{3,}[ \t]*(?=\n|\Z)))
    | (?P<cell>[ \t]*\|[ \t]*)
    | (?P<quote>(?:\r\n|\n|\r)[ \t]*(?:>[ \t]*)+)
    | (?P<space>\s+)
    | (?P<emphasis>(?<![\w*])\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?![\w*])
        |(?<!\w)_{1,3}(?=\w)|(?<=[\w.,!?])_{1,3}(?!\w)|~~|\*\*)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_OFF, _ON = re.compile(r"clinical-lexicon:\s*off"), re.compile(r"clinical-lexicon:\s*on\b")
_INDENTED = re.compile(r"(?:\A|(?<=\n)[ \t]*\n)((?:(?: {4}|\t)[^\n]*(?:\n|\Z))+)")
_SENTENCE_END = re.compile(
    r"(?<![.\s]\w)(?<!\b[Dd]r)(?<!\b[MmJj]r)(?<!\bMs)(?<!\bMrs)(?<!\bvs)(?<!\bet al)(?<!\bapprox)(?<!\bProf)"
    r"[.!?]+[\"'\u201d)\]]*(?= |$)"
)


class Spans:
    """Intervals [start, end), merged, that can be asked quickly whether they touch or hold another one."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def touches(self, start: int, end: int) -> bool:
        """Whether any of them shares a character with [start, end)."""
        at = bisect.bisect_right(self._ends, start)
        return at < len(self._starts) and self._starts[at] < end

    def holds(self, start: int, end: int) -> bool:
        """Whether [start, end) lies inside one of them."""
        at = bisect.bisect_right(self._starts, start) - 1
        return at >= 0 and end <= self._ends[at]

    def add(self, start: int, end: int) -> None:
        """Put in one that touches none of the others."""
        at = bisect.bisect_left(self._starts, start)
        self._starts.insert(at, start)
        self._ends.insert(at, end)


@dataclass(frozen=True)
class Prose:
    """`text` is the folded prose; character i of it came from source[starts[i]:ends[i]]."""

    source: str
    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @cached_property
    def _breaks(self) -> list[int]:
        return [at for at, char in enumerate(self.text) if char == BREAK]

    @cached_property
    def sentences(self) -> tuple[tuple[int, int], ...]:
        """[start, end) of each sentence in `text`, in order, without gaps."""
        cuts = [match.end() for match in _SENTENCE_END.finditer(self.text)]
        cuts += self._breaks
        edges = sorted({0, *cuts, len(self.text)})
        return tuple(itertools.pairwise(edges))

    def sentence_at(self, place: int) -> int:
        """The number of the sentence that holds `place`."""
        return max(0, bisect.bisect_right(self.sentences, (place, len(self.text) + 1)) - 1)

    def paragraph_at(self, place: int) -> tuple[int, int]:
        """[start, end) of the paragraph around `place`."""
        at = bisect.bisect_left(self._breaks, place)
        start = self._breaks[at - 1] + 1 if at else 0
        return start, self._breaks[at] if at < len(self._breaks) else len(self.text)

    def slice_of(self, start: int, end: int) -> tuple[int, int]:
        """[start, end) in the source of `text[start:end]`."""
        return self.starts[start], self.ends[end - 1]


def read(source: str, *, markdown: bool = False, markers: bool = False) -> Prose:
    """Fold `source`. `markdown`: indented blocks are code. `markers`: leave out what stands between
    `clinical-lexicon: off` and `clinical-lexicon: on` (or the end), so that a page about words can name them.
    """
    hidden = _off_parts(source) if markers else []
    if markdown:
        hidden += [match.span(1) for match in _INDENTED.finditer(source) if _is_code_block(source, match)]
    out: list[tuple[str, int, int]] = []
    place = 0
    for start, end in [*sorted(hidden), (len(source), len(source))]:
        if start >= place:
            _fold_part(source, place, start, out)
            if end > start:
                out.append((BREAK, start, end))
        place = max(place, end)
    text = "".join(piece for piece, _, _ in out)
    return Prose(source, text, tuple(start for _, start, _ in out), tuple(end for _, _, end in out))


def _off_parts(source: str) -> list[tuple[int, int]]:
    parts, place = [], 0
    while (off := _OFF.search(source, place)) is not None:
        on = _ON.search(source, off.end())
        place = on.end() if on else len(source)
        parts.append((off.start(), place))
    return parts


def _is_code_block(source: str, match: re.Match[str]) -> bool:
    """An indented block that goes on with a list item is text, not code."""
    before = source[: match.start(1)].rstrip("\n").rsplit("\n\n", 1)[-1]
    return not re.search(r"(?m)^\s*(?:[-*+]|\d+[.)])\s", before)


def _fold_part(source: str, start: int, end: int, out: list[tuple[str, int, int]]) -> None:
    place = start
    for match in _NOT_PROSE.finditer(source, start, end):
        _fold_characters(source, place, match.start(), out)
        _fold_match(source, match, out)
        place = match.end()
    _fold_characters(source, place, end, out)


def _fold_match(source: str, match: re.Match[str], out: list[tuple[str, int, int]]) -> None:
    start, end = match.span()
    for name in ("block", "paragraph", "item", "cell", "fence"):
        if match[name] is not None:
            out.append((BREAK, start, end))
            return
    for name in ("raw", "comment", "code", "url"):
        if match[name] is not None:
            out.append((HIDDEN, start, end))
            return
    if match["entity"] is not None:
        for char in html.unescape(match[0]):
            _fold_character(char, start, end, out)
    elif (match["space"] is not None or match["quote"] is not None) and out and out[-1][0] != " ":
        out.append((" ", start, end))


def _fold_characters(source: str, start: int, end: int, out: list[tuple[str, int, int]]) -> None:
    for at in range(start, end):
        _fold_character(source[at], at, at + 1, out)


def _fold_character(char: str, start: int, end: int, out: list[tuple[str, int, int]]) -> None:
    if char.isascii():
        folded = char
    else:
        folded = FOLD.get(char, NOTHING.get(char, char))
        if folded == char:
            folded = unicodedata.normalize("NFKC", char)
    for piece in folded:
        if piece.isspace():
            if out and out[-1][0] == " ":
                continue
            piece = " "
        out.append((piece, start, end))
