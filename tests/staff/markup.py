"""Reading our own HTML in tests: elements with their attributes and text, no browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Element:
    """One start tag. `text` is everything between it and its end tag."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    VOID = frozenset({"input", "br", "hr", "img", "meta", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Element] = []
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(
            tag, {name: value or "" for name, value in attrs}, inside=[e.tag for e in self.open]
        )
        self.found.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1].tag == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def elements(html: str, tag: str = "", **attributes: str) -> list[Element]:
    """All elements of `html` with this tag and these attributes (`aria_x` is `aria-x`, `for_` is `for`)."""
    reader = _Reader()
    reader.feed(html)
    wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
    return [
        element
        for element in reader.found
        if (not tag or element.tag == tag)
        and all(element.attributes.get(name) == value for name, value in wanted.items())
    ]


def one(html: str, tag: str = "", **attributes: str) -> Element:
    """The only such element."""
    found = elements(html, tag, **attributes)
    assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
    return found[0]


@dataclass
class Form:
    """One form: where it goes, and its boxes as name -> (kind, value); of a choice, the first or the chosen one."""

    method: str
    action: str
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.form: Form | None = None
        self.choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            target = given.get("action") or given.get("hx-post", "")
            posts = given.get("method", "").lower() == "post" or "hx-post" in given
            self.form = Form("post" if posts else "get", target)
            self.found.append(self.form)
        elif self.form is not None and tag in ("input", "textarea", "select") and given.get("name"):
            kind = given.get("type", "text") if tag == "input" else tag
            self.choice = given["name"] if tag == "select" else ""
            if kind not in ("submit", "button", "file") and (
                kind != "radio" or "checked" in given or given["name"] not in self.form.fields
            ):
                self.form.fields[given["name"]] = (kind, given.get("value", ""))
        elif self.form is not None and tag == "option" and self.choice:
            first = not self.form.fields[self.choice][1]
            if first or "selected" in given:
                self.form.fields[self.choice] = ("select", given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None


def forms_of(html: str) -> list[Form]:
    """The forms of a page, in order."""
    reader = _FormReader()
    reader.feed(html)
    return reader.found
