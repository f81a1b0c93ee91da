"""Whom to call in an emergency, by country (ISO 3166-1 alpha-2): the number, and the words that follow "do not wait".

Pure module. 112 is answered in every country of the European Union and in Iceland, Liechtenstein, Norway, Switzerland.
The lines for people in crisis were compared in November 2026 with public pages (of the line, of those who run it, or of
the press): 988 (US, CA), 1737 (NZ), 13 11 14 (AU), 0800 111 0 111 (DE), 142 (AT), 143 (CH), 3114 (FR), 113 (NL).
A country that is not listed gets its emergency number alone.
"""

from __future__ import annotations

_112 = """
    AT BE BG CH CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK
"""
NUMBERS = dict.fromkeys(_112.split(), "112") | {
    "US": "911", "CA": "911", "GB": "999", "AU": "000", "NZ": "111",
}  # fmt: skip
NO_NUMBER = "your local emergency number"
ADVICE = {country: f"call {number}" for country, number in NUMBERS.items()} | {
    "US": "call 911, or call or text 988",
    "CA": "call 911, or call or text 9-8-8",
    "GB": "call 999, or 111 for advice",
    "AU": "call 000, or Lifeline on 13 11 14",
    "NZ": "call 111, or call or text 1737",
    "DE": "call 112, or TelefonSeelsorge on 0800 111 0 111",
    "AT": "call 112, or TelefonSeelsorge on 142",
    "CH": "call 112, or Die Dargebotene Hand on 143",
    "FR": "call 112, or 3114",
    "NL": "call 112, or 113",
}
ELSEWHERE = f"call {NO_NUMBER}"
