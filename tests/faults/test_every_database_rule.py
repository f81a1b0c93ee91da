"""Every rule of the database is broken on purpose, on a second connection with the app role's rights; then its owner drops
it and the same statement does its harm, so the refusal was that rule's doing.

The rows are those of the sample clinic. A rule that nothing breaks fails `test_every_rule_is_broken_somewhere`: rules of
more than one row (no overlap, no therapy in a no-therapy period, text that never changes) have tests of their own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors

from tests.faults.breaks import Break
from tests.faults.rules import RULES, TRIGGERS
from tests.faults.rules_of_records import RAISED
from tests.journeys.stack import Stack, at_database
from tests.once import fresh_database, psycopg_url

pytestmark = pytest.mark.fault

OURS = ("staff_", "patients_", "protocols_", "scheduling_", "treatment_sessions_")
LOOKED_AT = """
    SELECT conname, contype::text, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'x', 'u') AND conrelid <> 0
    UNION ALL
    SELECT i.relname, 'u', t.relname, '' FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relnamespace = 'public'::regnamespace AND x.indisunique AND NOT x.indisprimary
    AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid)
    UNION ALL
    SELECT tgname, 't', tgrelid::regclass::text, '' FROM pg_trigger WHERE NOT tgisinternal
"""
OF_THE_LIBRARY = re.compile(
    r"_code_key$|_uniq$|_replaces_id_key$|_user_id_key$|_patient_id_key$|^pgtrigger_(insert|update|delete)_|^pgtrigger_(role|site)_(given|taken)_"
)
"""Identifiers that are random, pairs of many-to-many tables, one-to-one links, and the writers of history."""
NOT_NEGATIVE = re.compile(r"^CHECK \(\((\w+) >= 0\)\)$")


@pytest.fixture(scope="module")
def clinic(sample_clinics: Any) -> Stack:
    """A copy of the sample clinic of a weekday, with what seldom happens."""
    stacks, made = sample_clinics
    made["a weekday at noon"].result()
    base, name = os.environ["DATABASE_URL"], "sample_rules"
    fresh_database(base, name, stacks["a weekday at noon"].name)
    stack = at_database(base, name)
    stack.environment["PUBLIC_URL"] = "http://127.0.0.1"
    stack.run_python("tests.journeys.rare")
    return stack


@contextmanager
def open_transaction(url: str) -> Iterator[Any]:
    """A cursor of a connection of its own; nothing is kept."""
    with closing(psycopg2.connect(psycopg_url(url))) as connection, connection.cursor() as cursor:
        yield cursor
        connection.rollback()


def statement(one: Break, cursor: Any) -> str:
    """The statement that breaks the rule."""
    if one.raw:
        return one.raw
    cursor.execute(f"SELECT min(ctid)::text FROM {one.table} WHERE {one.where}")
    (row,) = cursor.fetchone()
    assert row is not None, f"{one.rule}: the sample clinic has no such row in {one.table}"
    if not one.copy:
        return f"UPDATE {one.table} SET {one.change} WHERE ctid = '{row}'"
    cursor.execute(
        """SELECT column_name FROM information_schema.columns
           WHERE table_name = %s AND is_identity = 'NO' AND is_generated = 'NEVER' AND column_name <> 'id'""",
        [one.table],
    )
    values = {name: name for (name,) in cursor.fetchall()}
    if "code" in values:
        values["code"] = "gen_random_uuid()"
    for part in re.split(r",\s*(?=\w+ = )", one.change) if one.change else ():
        column, value = part.split(" = ", 1)
        values[column] = value
    return (
        f"INSERT INTO {one.table} ({', '.join(values)}) "
        f"SELECT {', '.join(values.values())} FROM {one.table} WHERE ctid = '{row}'"
    )


def drop(cursor: Any, rule: str) -> None:
    """The owner takes the rule away, in this transaction only."""
    cursor.execute(
        """SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' FROM pg_constraint WHERE conname = %(rule)s
           UNION ALL SELECT 'DROP TRIGGER ' FROM pg_trigger WHERE tgname = %(rule)s
           UNION ALL SELECT 'DROP INDEX '""",
        {"rule": rule},
    )
    words = cursor.fetchone()[0]
    cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = %s", [rule])
    trigger = cursor.fetchone()
    cursor.execute(f"{words}{rule} ON {trigger[0]}" if trigger else f"{words}{rule}")


def refusal(cursor: Any, words: str) -> str:
    """The rule that refuses this statement; what the transaction did before stands."""
    cursor.execute("SAVEPOINT before")
    with pytest.raises((errors.CheckViolation, errors.UniqueViolation)) as refused:
        cursor.execute(words)
    cursor.execute("ROLLBACK TO SAVEPOINT before")
    return str(refused.value.diag.constraint_name)


@pytest.mark.parametrize("one", RULES, ids=[one.rule for one in RULES])
def test_the_database_refuses_what_breaks_the_rule(clinic: Stack, one: Break) -> None:
    app = clinic.environment["DATABASE_URL"]
    with open_transaction(clinic.owner_url if one.owner else app) as cursor:
        words = statement(one, cursor)
        if one.twice:
            cursor.execute(words)
        raised = [name for rule in one.besides for name in RAISED.get(rule, ())]
        assert refusal(cursor, words) in (one.rule, *one.besides, *raised)
    with open_transaction(clinic.owner_url) as cursor:
        for rule in one.besides:
            drop(cursor, rule)
        if one.twice:
            cursor.execute(words)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits would forbid altering the table
        if one.besides:
            assert refusal(cursor, words) == one.rule, "refused without the others, too"
        drop(cursor, one.trigger or one.rule)
        cursor.execute(f"SET ROLE {'NONE' if one.owner else role_of(app)}")
        cursor.execute(words)
        assert cursor.rowcount == 1, "the control: without the rule it happens"


def role_of(url: str) -> str:
    """The user of a database address."""
    return url.split("://")[1].split("@")[0].split(":")[0]


def rules_of(stack: Stack) -> list[tuple[str, str, str, str]]:
    """Name, kind (c check, x exclusion, u unique, t trigger), table and definition of each rule that is ours."""
    columns = "SELECT table_name FROM information_schema.columns WHERE column_name = 'pgh_id'"
    histories = {table for (table,) in stack.rows(columns)}
    return [
        (rule, kind, table, text)
        for rule, kind, table, text in stack.rows(LOOKED_AT)
        if table.startswith(OURS) and not OF_THE_LIBRARY.search(rule) and table not in histories
    ]


def test_counts_are_never_negative(clinic: Stack) -> None:
    """The checks that Django writes for positive numbers."""
    wrong = []
    for rule, kind, table, text in rules_of(clinic):
        found = NOT_NEGATIVE.match(text) if kind == "c" else None
        if found is None:
            continue
        with open_transaction(clinic.environment["DATABASE_URL"]) as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            if cursor.fetchone() == (0,):
                continue
            one = Break(rule, table, f"{found.group(1)} = -1", copy=True)
            try:
                cursor.execute(statement(one, cursor))
            except (errors.CheckViolation, errors.InsufficientPrivilege):
                continue
            except psycopg2.Error as error:
                wrong.append(f"{rule}: {error}")
            else:
                wrong.append(f"{rule}: taken")
    assert not wrong, "\n".join(wrong)


def test_every_rule_is_broken_somewhere(clinic: Stack) -> None:
    """By name, here or in another test."""
    here = Path(__file__).parents[1]
    written = "\n".join(path.read_text() for path in here.rglob("test_*.py")) + " ".join(
        one.rule for one in RULES
    )
    met = {one.trigger for one in RULES} | {
        rule for rule, test in TRIGGERS.items() if f"def {test}(" in written
    }
    missing = []
    for rule, kind, table, text in rules_of(clinic):
        name = re.sub(r"^pgtrigger_|_[0-9a-f]{5}$", "", rule) if kind == "t" else rule
        if name not in met and not NOT_NEGATIVE.match(text) and not re.search(rf"\b{name}\b", written):
            missing.append(f"{table}: {rule}")
    assert not missing, "\n".join(sorted(missing))
