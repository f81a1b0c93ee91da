"""A new database is made by one migration for each app; it must come out as the single steps would leave it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from staff.migration_operations import CreateModels

OURS = ("staff", "protocols", "patients", "treatment_sessions", "scheduling")
ONLY_FOR_OLD_ROWS = {"seal_all"}
"""Python that changes rows from before: a new database has none."""


def loaded(*, replace: bool) -> MigrationLoader:
    """All migrations of the project, with or without those that stand for several; no database is asked."""
    loader = MigrationLoader(None, load=False, ignore_no_migrations=True, replace_migrations=replace)
    loader.build_graph()
    return loader


def ends(loader: MigrationLoader, app: str) -> list[tuple[str, str]]:
    """The migration up to which one step goes: itself, or the last of the steps that it stands for."""
    (one,) = [key for key, found in loader.disk_migrations.items() if key[0] == app and found.replaces]
    return [one if loader.replace_migrations else loader.disk_migrations[one].replaces[-1]]


def models_of(loader: MigrationLoader, app: str) -> dict[str, Any]:
    """Every model of `app` as written by its migrations: fields in the order of the columns, options, bases."""
    state = loader.graph.make_state(nodes=ends(loader, app), real_apps=loader.unmigrated_apps)
    return {name: described(model) for (label, name), model in state.models.items() if label == app}


def described(model: ModelState) -> tuple[Any, ...]:
    fields = [(name, field.deconstruct()[1:]) for name, field in model.fields.items()]
    options = {
        key: Counter(repr(item) for item in value) if key in ("constraints", "indexes") else value
        for key, value in model.options.items()
    }
    return repr(fields), options, model.bases


def statements(loader: MigrationLoader, app: str) -> list[str]:
    """SQL written by hand, in the order in which it runs."""
    found = []
    for node in loader.graph.forwards_plan(*ends(loader, app)):
        if node[0] == app:
            operations = loader.graph.nodes[node].operations
            found += [item.sql.strip() for item in operations if isinstance(item, migrations.RunSQL)]
    return found


@pytest.mark.parametrize("app", OURS)
def test_one_step_and_single_steps_leave_the_same(app: str) -> None:
    one, single = loaded(replace=True), loaded(replace=False)
    assert ends(one, app) != ends(single, app)
    assert models_of(one, app) == models_of(single, app)
    assert statements(one, app) == statements(single, app)


def test_no_python_is_left_out_that_a_new_database_needs() -> None:
    single = loaded(replace=False)
    left_out = {
        operation.code.__name__
        for (app, _), migration in single.graph.nodes.items()
        if app in OURS
        for operation in migration.operations
        if isinstance(operation, migrations.RunPython)
    }
    assert left_out == ONLY_FOR_OLD_ROWS


def key_to(model: str) -> Any:
    return models.ForeignKey(f"staff.{model}", models.CASCADE, related_name="+")


@pytest.mark.django_db
def test_models_are_made_together_and_may_point_forwards() -> None:
    number = ("id", models.AutoField(primary_key=True))
    made = CreateModels(
        [
            migrations.CreateModel("Earlier", [number, ("later", key_to("Later"))]),
            migrations.CreateModel("Later", [number, ("earlier", key_to("Earlier"))]),
        ]
    )
    before = ProjectState()
    after = before.clone()
    assert after.apps is not None, "rendered, as in the middle of a long run"
    made.state_forwards("staff", after)
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    with connection.schema_editor() as editor:
        made.database_forwards("staff", editor, before, after)
    question = """SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
                  WHERE contype = 'f' AND conrelid::regclass::text IN ('staff_earlier', 'staff_later')"""
    with connection.cursor() as cursor:
        cursor.execute(question)
        assert set(cursor.fetchall()) == {("staff_earlier", "staff_later"), ("staff_later", "staff_earlier")}
    with connection.schema_editor() as editor:
        made.database_backwards("staff", editor, after, before)
    assert not {"staff_earlier", "staff_later"} & set(connection.introspection.table_names())
