"""How each rule of the database is broken on purpose: one row of the sample clinic changed, or one copied.

`change`: `UPDATE table SET change WHERE where` on one row. `copy`: that row is inserted once more with the change (a new
`code`, no `id`), for tables whose rows may not be changed and for rules of uniqueness. `besides`: rules that the same
change breaks too. `twice`: only the second copy is refused. `owner`: the app role may not write there at all, so that
the owner tries. `raw`: the whole statement, where the sample clinic has no such row.
`trigger`: the trigger that raises in the name of the rule.
"""

from __future__ import annotations

from dataclasses import dataclass

UNBOUNDED = "tstzrange(now(), NULL)"
NOBODY = "'nobody'"


@dataclass(frozen=True)
class Break:
    """One rule, and what breaks it and nothing else."""

    rule: str
    table: str
    change: str
    where: str = "true"
    copy: bool = False
    besides: tuple[str, ...] = ()
    twice: bool = False
    owner: bool = False
    raw: str = ""
    trigger: str = ""


def change(rule: str, table: str, to: str, where: str = "true", *besides: str) -> Break:
    """One row is changed."""
    return Break(rule, table, to, where, False, besides)


def copy(rule: str, table: str, to: str = "", where: str = "true", *besides: str) -> Break:
    """One row is inserted once more, with a change."""
    return Break(rule, table, to, where, True, besides)


def by_owner(rule: str, table: str, to: str, where: str = "true", *besides: str) -> Break:
    """One row is changed by the owner, because the app role may not."""
    return Break(rule, table, to, where, False, besides, owner=True)
