"""The vocabulary of the pages: chips, icons, times, bars, charts, and form parts.

Every tag draws one component from `templates/components/`. Nothing here reads the database or the clock:
a tag that needs "now" is given it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BaseForm
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

from staff.charts import Chart
from staff.forms import SummaryItem, summary_items
from staff.windowbar import Axis, WindowBar

register = template.Library()

# tone -> (icon, shape). Shape and icon carry the meaning; colour only repeats it.
TONES: dict[str, tuple[str, str]] = {
    "neutral": ("circle-minus", "round"),
    "info": ("info", "round"),
    "success": ("circle-check", "round"),
    "pending": ("hourglass", "dashed"),
    "warning": ("triangle-alert", "cut"),
    "danger": ("octagon-alert", "block"),
    "estimate": ("chart-spline", "dashed"),
    "error": ("circle-alert", "cut"),
}
TIME_FORMATS = {
    "full": "D j M Y, H:i",
    "zone": "D j M Y, H:i T",
    "short": "D j M, H:i",
    "day": "D j M",
    "date": "D j M Y",
    "plain": "j M Y",
    "time": "H:i",
}


@lru_cache(maxsize=512)
def _icon_svg(name: str, size: int, label: str, css: str) -> SafeString:
    """Lucide icons are files of the wheel, the same for every request: draw each once."""
    attributes = {"class": f"icon {css}".strip(), "focusable": "false"}
    attributes |= {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return mark_safe(lucide(name, size=size, **attributes))  # noqa: S308 -- an XML serialiser escaped it


@register.simple_tag
def icon(name: str, label: str = "", size: int = 20, css: str = "") -> SafeString:
    """A lucide icon. Without `label` it is decoration and hidden from screen readers."""
    return _icon_svg(str(name), int(size), str(label), str(css))


def _inline(name: str, context: dict[str, Any]) -> SafeString:
    """Draw a component that stands inside a sentence: without the file's last new line, which would be a
    space."""
    return mark_safe(render_to_string(f"components/{name}.html", context).strip())  # noqa: S308 -- a template


@register.simple_tag
def chip(word: str, tone: str = "neutral", icon: str = "", title: str = "") -> SafeString:
    """A status: word, icon and shape. Raises KeyError on an unknown tone."""
    default_icon, shape = TONES[tone]
    name = icon or default_icon
    return _inline("chip", {"word": word, "tone": tone, "icon_name": name, "shape": shape, "title": title})


@register.inclusion_tag("components/alert.html")
def alert(tone: str, title: str, text: str = "", url: str = "", action: str = "") -> dict[str, Any]:
    """A message that stays on the page, with what to do next."""
    return {
        "tone": tone,
        "title": title,
        "text": text,
        "url": url,
        "action": action,
        "icon_name": TONES[tone][0],
    }


@register.inclusion_tag("components/alert.html", takes_context=True)
def flash_line(context: template.Context, message: Any) -> dict[str, Any]:
    """One line of Django's messages framework. `extra_tags="undo:<url>"` gives it an Undo button."""
    tone = message.level_tag if message.level_tag in TONES else "neutral"
    extra = message.extra_tags or ""
    return {
        "tone": tone,
        "text": message.message,
        "icon_name": TONES[tone][0],
        "flash": True,
        "undo_url": extra.removeprefix("undo:") if extra.startswith("undo:") else "",
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("components/stat.html")
def stat(
    label: str, value: object, note: str = "", icon: str = "", url: str = "", tone: str = "", unit: str = ""
) -> dict[str, Any]:
    """One number that somebody acts on."""
    return {
        "label": label,
        "value": value,
        "note": note,
        "icon_name": icon,
        "url": url,
        "tone": tone,
        "unit": unit,
    }


@register.inclusion_tag("components/empty.html")
def empty(text: str, url: str = "", action: str = "", icon: str = "inbox") -> dict[str, Any]:
    """An empty list: one sentence, and the one next thing to do."""
    return {"text": text, "url": url, "action": action, "icon_name": icon}


@register.inclusion_tag("components/facts.html")
def facts(rows: Iterable[Any]) -> dict[str, Any]:
    """A strip of key facts from (label, value) pairs or mappings with label, value and note."""
    return {"rows": [_fact(row) for row in rows]}


def _fact(row: Any) -> dict[str, Any]:
    if isinstance(row, Mapping):
        return {"label": row["label"], "value": row["value"], "note": row.get("note", "")}
    label, value = row
    return {"label": label, "value": value, "note": ""}


@register.inclusion_tag("components/timeline.html")
def timeline(items: Sequence[Mapping[str, Any]], label: str = "Timeline") -> dict[str, Any]:
    """What happened and what comes, in order."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/tabs.html")
def tabs(items: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    """Pages of one thing, as links."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: template.Context, page_obj: Any, label: str = "Pages") -> dict[str, Any]:
    """Numbered pages; keeps the other query parameters."""
    numbers = page_obj.paginator.get_elided_page_range(page_obj.number, on_each_side=1, on_ends=1)
    gap = page_obj.paginator.ELLIPSIS
    pages = [{"number": None if number == gap else number} for number in numbers]
    return {"page_obj": page_obj, "pages": pages, "label": label, "request": context.get("request")}


@register.inclusion_tag("components/cursor_pagination.html")
def cursor_pagination(
    previous_url: str | None, next_url: str | None, previous_label: str = "Earlier", next_label: str = "Later"
) -> dict[str, Any]:
    """Two buttons through a long list."""
    return {
        "previous_url": previous_url,
        "next_url": next_url,
        "previous_label": previous_label,
        "next_label": next_label,
    }


@register.inclusion_tag("components/progress.html")
def progress(value: int, max: int, label: str) -> dict[str, Any]:
    """How far long work has come, in words too."""
    return {"value": value, "max": max, "label": label}


@register.inclusion_tag("components/patient_banner.html")
def patient_banner(patient: Any, sticky: bool = False) -> dict[str, Any]:
    """Who this page is about, with two identifiers; it stays in view on pages where something is done."""
    return {"patient": patient, "sticky": sticky}


@register.simple_tag
def estimate(value: object = "", note: str = "") -> SafeString:
    """Marks a number as the model's estimate."""
    return _inline("estimate", {"value": value, "note": note})


@register.simple_tag
def window_term() -> SafeString:
    """The term "plasticity window" with its meaning and evidence grade, for its first use on a page."""
    return _inline("window_term", {})


@register.inclusion_tag("components/window_bar.html")
def window_bar(bar: WindowBar) -> dict[str, Any]:
    """One patient's window on the common hour axis."""
    return {"bar": bar, "axis": bar.axis}


@register.inclusion_tag("components/window_axis.html")
def window_axis(axis: Axis) -> dict[str, Any]:
    """The common hour axis, once above the bars."""
    return {"axis": axis}


@register.inclusion_tag("components/window_legend.html")
def window_legend() -> dict[str, Any]:
    """What the fills of window bars mean."""
    return {}


@register.inclusion_tag("components/chart.html")
def chart(chart: Chart, open_table: bool = False) -> dict[str, Any]:
    """A figure with its drawing, legend and table."""
    return {"chart": chart, "spec": chart.spec, "open_table": open_table}


@register.inclusion_tag("forms/error_summary.html")
def error_summary(*forms: BaseForm) -> dict[str, Any]:
    """All errors of one or more forms on the page, with links to the fields."""
    found: list[SummaryItem] = []
    for form in forms:
        if form.is_bound:
            found += summary_items(form)
    return {"items": found}


@register.simple_tag
def when(value: datetime | date | None, style: str = "full", empty: str = "not yet") -> SafeString | str:
    """A date or moment in the active zone, as in "Tue 24 Nov 2026, 10:00". Raises KeyError on an unknown
    style."""
    if value is None:
        return empty
    if isinstance(value, datetime):
        local = timezone.localtime(value)
        machine = local.isoformat(timespec="minutes")
        return format_html('<time datetime="{}">{}</time>', machine, format_date(local, TIME_FORMATS[style]))
    words = format_date(value, TIME_FORMATS["date" if style in {"full", "zone", "short"} else style])
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)


@register.simple_tag
def countdown(value: datetime, now: datetime) -> SafeString:
    """ "in 1 h 20 min" or "12 min ago"; the page keeps it current from the server's clock, not the
    reader's."""
    return format_html(
        '<time datetime="{}" data-countdown data-now="{}">{}</time>',
        value.astimezone(UTC).isoformat(timespec="seconds"),
        now.astimezone(UTC).isoformat(timespec="seconds"),
        delta_words(value - now),
    )


@register.filter
def minutes_words(minutes: float | None) -> str:
    """80 -> "1 h 20 min"; whole minutes, and days from 48 h on."""
    if minutes is None:
        return ""
    whole = round(abs(minutes))
    days, rest = divmod(whole, 1440) if whole >= 2880 else (0, whole)
    hours, mins = divmod(rest, 60)
    if days:
        return f"{days} days {hours} h" if hours else f"{days} days"
    if hours:
        return f"{hours} h {mins} min" if mins else f"{hours} h"
    return f"{mins} min"


@register.filter
def delta_words(delta: timedelta) -> str:
    """ "in 1 h 20 min", "12 min ago" or "now"."""
    minutes = delta / timedelta(minutes=1)
    if abs(minutes) < 1:
        return "now"
    words = minutes_words(minutes)
    return f"in {words}" if minutes > 0 else f"{words} ago"


@register.filter
def initials(name: object) -> str:
    """The first letters of the first and the last word of a name, for the round sign in the user menu."""
    words = [word for word in str(name).replace("@", " ").split() if word]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [word[0] for word in words]
    return "".join(letters).upper()


@register.filter
def slice_code(code: object) -> str:
    """The first eight signs of a UUID: short enough to read aloud, shown beside a second identifier."""
    return str(code)[:8]
