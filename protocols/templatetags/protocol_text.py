"""Consent and education texts as a person reads them: headings, paragraphs and lists, never their marks."""

from __future__ import annotations

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from protocols.documents import Block, blocks

register = template.Library()


@register.filter
def document_text(body: str, level: int = 2) -> SafeString:
    """The body as HTML with headings of this level. Everything in it is escaped."""
    return format_html_join("", "{}", ((_drawn(block, level),) for block in blocks(body)))


def _drawn(block: Block, level: int) -> SafeString:
    if block.kind == "heading":
        return format_html("<h{0}>{1}</h{0}>", level, block.lines[0])
    if block.kind == "list":
        items = format_html_join("", "<li>{}</li>", ((line,) for line in block.lines))
        return format_html("<ul>{}</ul>", items)
    return format_html("<p>{}</p>", block.lines[0])
