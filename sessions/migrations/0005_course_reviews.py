"""Signed reviews of a course; the next infusion starts only when the one it waits for lets it go on."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


FORWARD = """
-- As before, but a table without exceptions (TG_ARGV is null then) refuses in words, too.
CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before_row jsonb;
    after_row jsonb;
    name text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'clinical rows of % are not deleted', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
    END IF;
    before_row := to_jsonb(OLD);
    after_row := to_jsonb(NEW);
    FOREACH name IN ARRAY coalesce(TG_ARGV, '{}'::text[]) LOOP
        IF before_row -> name <> 'null'::jsonb AND before_row -> name <> '""'::jsonb
           AND before_row -> name IS DISTINCT FROM after_row -> name THEN
            RAISE EXCEPTION '%.% is set once', TG_TABLE_NAME, name
                USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
        END IF;
        before_row := before_row - name;
        after_row := after_row - name;
    END LOOP;
    IF before_row IS DISTINCT FROM after_row THEN
        RAISE EXCEPTION 'rows of % are amended by new rows, not edited', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clinical_record_is_fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_coursereview
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- The same rule as protocols/review_points.py; a test compares the two.
CREATE FUNCTION is_review_point(def jsonb, after int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    points jsonb := def->'reviews';
    part jsonb;
    parts int := jsonb_array_length(def->'phases');
    number int := 0;
    seen int := 0;
    place int := 0;
    here int;
    total int;
    every int;
BEGIN
    IF points IS NULL OR after < 1 THEN RETURN false; END IF;
    SELECT coalesce(sum((p->>'visits')::int), 0) INTO total FROM jsonb_array_elements(def->'phases') p;
    IF coalesce(points->'after_infusions', '[]'::jsonb) @> to_jsonb(after)
        OR (coalesce((points->>'at_end')::boolean, false) AND after >= total) THEN
        RETURN true;
    END IF;
    every := (points->>'every_maintenance')::int;
    IF every IS NULL THEN RETURN false; END IF;
    FOR part IN SELECT value FROM jsonb_array_elements(def->'phases') LOOP
        number := number + 1;
        here := greatest(0, after - seen);
        IF number < parts THEN here := least((part->>'visits')::int, here); END IF;
        IF coalesce((part->>'maintenance')::boolean, false) THEN place := place + here; END IF;
        seen := seen + (part->>'visits')::int;
        IF after <= seen OR number = parts THEN
            RETURN coalesce((part->>'maintenance')::boolean, false) AND place > 0 AND place % every = 0;
        END IF;
    END LOOP;
    RETURN false;
END $$;

CREATE FUNCTION review_lets_go_on(p_course uuid, p_after int) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT r.decision <> 'stop' FROM treatment_sessions_coursereview r
        WHERE r.course = p_course AND r.after_ordinal = p_after ORDER BY r.id DESC LIMIT 1), false)
$$;

CREATE FUNCTION start_waits_for_review() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    i record;
    earlier record;
    k int;
BEGIN
    SELECT f.id, f.patient_id, f.course, f.ordinal, v.definition INTO i
        FROM treatment_sessions_infusion f JOIN protocols_protocolversion v ON v.id = f.protocol_version_id
        WHERE f.id = NEW.infusion_id;
    -- A start that was recorded before is only corrected now: what happened stays storable.
    IF i.course IS NULL OR EXISTS (SELECT 1 FROM treatment_sessions_pumpevent e
        WHERE e.infusion_id = NEW.infusion_id AND e.kind = 'start') THEN
        RETURN NEW;
    END IF;
    FOR k IN REVERSE i.ordinal - 1 .. 1 LOOP
        IF is_review_point(i.definition, k) THEN
            IF NOT review_lets_go_on(i.course, k) THEN
                RAISE EXCEPTION 'the review after infusion % is not signed, or says stop', k
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'next_infusion_is_reviewed';
            END IF;
            EXIT;
        END IF;
    END LOOP;
    SELECT f.course, f.ordinal, v.definition INTO earlier
        FROM treatment_sessions_infusion f JOIN protocols_protocolversion v ON v.id = f.protocol_version_id
        WHERE f.patient_id = i.patient_id AND f.course <> i.course AND f.started_at IS NOT NULL
        ORDER BY f.started_at DESC LIMIT 1;
    IF earlier.course IS NOT NULL AND is_review_point(earlier.definition, earlier.ordinal)
        AND NOT review_lets_go_on(earlier.course, earlier.ordinal) THEN
        RAISE EXCEPTION 'the review at the end of the course before is not signed, or says stop'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'next_infusion_is_reviewed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER next_infusion_is_reviewed BEFORE INSERT ON treatment_sessions_pumpevent
    FOR EACH ROW WHEN (NEW.kind = 'start') EXECUTE FUNCTION start_waits_for_review();
"""

BACKWARD = """
DROP TRIGGER next_infusion_is_reviewed ON treatment_sessions_pumpevent;
DROP FUNCTION start_waits_for_review();
DROP FUNCTION review_lets_go_on(uuid, int);
DROP FUNCTION is_review_point(jsonb, int);
DROP TRIGGER record_is_fixed ON treatment_sessions_coursereview;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0002_name_similarity'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('protocols', '0005_retired_says_what_runs_on_always'),
        ('treatment_sessions', '0004_therapy_time_limits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='infusion',
            name='course',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='infusionevent',
            name='course',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='CourseReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('course', models.UUIDField()),
                ('after_ordinal', models.PositiveSmallIntegerField()),
                ('response', models.CharField(choices=[('response', 'Response: a fall of half or more'), ('partial', 'Some response'), ('none', 'No response'), ('worse', 'Worse')], max_length=8)),
                ('urinary', models.CharField(choices=[('none', 'None'), ('mild', 'Some: to be watched'), ('marked', 'Marked: to be examined')], max_length=6)),
                ('interval', models.CharField(choices=[('keep', 'As planned'), ('longer', 'Longer'), ('shorter', 'Shorter')], max_length=7)),
                ('dose', models.CharField(choices=[('keep', 'As planned'), ('lower', 'Lower'), ('higher', 'Higher, within the protocol')], max_length=6)),
                ('decision', models.CharField(choices=[('continue', 'Continue'), ('taper', 'Taper: fewer infusions, further apart'), ('stop', 'Stop: no more infusions')], max_length=8)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('signed_at', models.DateTimeField()),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='course_reviews', to='patients.patient')),
                ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='course_reviews', to='protocols.protocolversion')),
                ('signed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-signed_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='CourseReviewEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('course', models.UUIDField()),
                ('after_ordinal', models.PositiveSmallIntegerField()),
                ('response', models.CharField(choices=[('response', 'Response: a fall of half or more'), ('partial', 'Some response'), ('none', 'No response'), ('worse', 'Worse')], max_length=8)),
                ('urinary', models.CharField(choices=[('none', 'None'), ('mild', 'Some: to be watched'), ('marked', 'Marked: to be examined')], max_length=6)),
                ('interval', models.CharField(choices=[('keep', 'As planned'), ('longer', 'Longer'), ('shorter', 'Shorter')], max_length=7)),
                ('dose', models.CharField(choices=[('keep', 'As planned'), ('lower', 'Lower'), ('higher', 'Higher, within the protocol')], max_length=6)),
                ('decision', models.CharField(choices=[('continue', 'Continue'), ('taper', 'Taper: fewer infusions, further apart'), ('stop', 'Stop: no more infusions')], max_length=8)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('signed_at', models.DateTimeField()),
                ('patient', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.patient')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='treatment_sessions.coursereview')),
                ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
                ('signed_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='coursereview',
            index=models.Index(fields=['course', 'after_ordinal'], name='course_review_by_point'),
        ),
        migrations.AddConstraint(
            model_name='coursereview',
            constraint=models.CheckConstraint(condition=models.Q(('decision__in', ['continue', 'taper', 'stop']), ('dose__in', ['keep', 'lower', 'higher']), ('interval__in', ['keep', 'longer', 'shorter']), ('response__in', ['response', 'partial', 'none', 'worse']), ('urinary__in', ['none', 'mild', 'marked'])), name='course_review_values_known'),
        ),
        migrations.AddConstraint(
            model_name='coursereview',
            constraint=models.CheckConstraint(condition=models.Q(('after_ordinal__gte', 1), ('after_ordinal__lte', 60)), name='course_review_after_an_infusion'),
        ),
        migrations.AddConstraint(
            model_name='coursereview',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('note', ''), _negated=True), models.Q(('decision', 'continue'), ('response__in', ['response', 'partial']), ('urinary', 'none')), _connector='OR'), name='course_review_says_why'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
