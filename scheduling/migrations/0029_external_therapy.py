"""Therapy outside the clinic: its follow-ups, its links, and what may be sent about it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# 1. Nothing is planned for, or sent to, a therapist outside the clinic without the patient's release as it is at that
#    moment (a minute's grace, because the sender looked a moment before by the same clock); nobody else gets their texts.
# 2. A reported session inside a no-therapy period is kept as a fact, but only flagged, and closes nothing.
# 3. A follow-up closes by a report of its own patient and infusion, that stands.
FORWARD = """
CREATE FUNCTION external_message_needs_release() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    therapist bigint;
BEGIN
    SELECT c.external_therapist_id INTO therapist FROM patients_contactpoint c WHERE c.id = NEW.contact_point_id;
    IF (therapist IS NOT NULL) <> (NEW.kind IN ('outside_window', 'outside_withdrawn')) THEN
        RAISE EXCEPTION 'texts for a therapist outside the clinic go to them and to nobody else'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'external_message_is_theirs';
    END IF;
    IF therapist IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM patients_therapistrelease r
        WHERE r.patient_id = NEW.patient_id AND r.therapist_id = therapist AND r.revoked_at IS NULL
          AND r.valid_until > app_now() - interval '1 minute') THEN
        RAISE EXCEPTION 'the patient has not released times to this therapist'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'external_message_needs_release';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER external_message_needs_release BEFORE INSERT ON scheduling_message
    FOR EACH ROW EXECUTE FUNCTION external_message_needs_release();
CREATE TRIGGER external_message_still_released BEFORE UPDATE OF state ON scheduling_message
    FOR EACH ROW WHEN (NEW.state = 'sending' AND OLD.state <> 'sending')
    EXECUTE FUNCTION external_message_needs_release();

CREATE FUNCTION reported_therapy_outside_no_therapy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.inside_no_therapy_at IS NULL AND EXISTS (
        SELECT 1 FROM scheduling_patientspan s
        WHERE s.patient_id = NEW.patient_id AND s.kind = 'no_therapy' AND s.during @> NEW.held_at) THEN
        RAISE EXCEPTION 'reported therapy lies inside a no-therapy period'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reported_therapy_outside_no_therapy';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reported_therapy_outside_no_therapy BEFORE INSERT ON treatment_sessions_reportedtherapy
    FOR EACH ROW EXECUTE FUNCTION reported_therapy_outside_no_therapy();

CREATE FUNCTION follow_up_closes_by_own_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM treatment_sessions_reportedtherapy r
        WHERE r.id = NEW.report_id AND r.patient_id = NEW.patient_id AND r.infusion_id = NEW.infusion_id
          AND r.withdrawn_at IS NULL
          AND (r.inside_no_therapy_at IS NULL OR (TG_OP = 'UPDATE' AND OLD.report_id IS NOT DISTINCT FROM r.id))) THEN
        RAISE EXCEPTION 'this report does not close this follow-up'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'follow_up_closes_by_own_report';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER follow_up_closes_by_own_report BEFORE INSERT OR UPDATE ON scheduling_followup
    FOR EACH ROW WHEN (NEW.report_id IS NOT NULL) EXECUTE FUNCTION follow_up_closes_by_own_report();
"""
BACKWARD = """
DROP TRIGGER follow_up_closes_by_own_report ON scheduling_followup;
DROP FUNCTION follow_up_closes_by_own_report();
DROP TRIGGER reported_therapy_outside_no_therapy ON treatment_sessions_reportedtherapy;
DROP FUNCTION reported_therapy_outside_no_therapy();
DROP TRIGGER external_message_still_released ON scheduling_message;
DROP TRIGGER external_message_needs_release ON scheduling_message;
DROP FUNCTION external_message_needs_release();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0008_external_therapists'),
        ('scheduling', '0028_windows_know_their_site'),
        ('treatment_sessions', '0016_reported_therapy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='followup',
            name='follow_up_state_known',
        ),
        migrations.RemoveConstraint(
            model_name='patientlink',
            name='link_purpose_known',
        ),
        migrations.AddField(
            model_name='followup',
            name='outside',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='follow_ups', to='patients.externaltherapist'),
        ),
        migrations.AddField(
            model_name='followup',
            name='report',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='follow_up', to='treatment_sessions.reportedtherapy'),
        ),
        migrations.AddField(
            model_name='followupevent',
            name='outside',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='patients.externaltherapist'),
        ),
        migrations.AddField(
            model_name='followupevent',
            name='report',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.reportedtherapy'),
        ),
        migrations.AlterField(
            model_name='followup',
            name='state',
            field=models.CharField(choices=[('provisional', 'Planned, waiting for sign-off'), ('firm', 'Fixed, waiting for the window'), ('released', 'To do'), ('booked', 'Appointment made'), ('done', 'Done'), ('reported', 'Reported by the outside therapist'), ('missed', 'Missed'), ('declined', 'Declined by the patient'), ('dropped', 'Not needed'), ('withdrawn', 'Withdrawn')], max_length=12),
        ),
        migrations.AlterField(
            model_name='followupevent',
            name='state',
            field=models.CharField(choices=[('provisional', 'Planned, waiting for sign-off'), ('firm', 'Fixed, waiting for the window'), ('released', 'To do'), ('booked', 'Appointment made'), ('done', 'Done'), ('reported', 'Reported by the outside therapist'), ('missed', 'Missed'), ('declined', 'Declined by the patient'), ('dropped', 'Not needed'), ('withdrawn', 'Withdrawn')], max_length=12),
        ),
        migrations.AlterField(
            model_name='patientlink',
            name='purpose',
            field=models.CharField(choices=[('visit', 'Answer about a visit'), ('check-in', 'Next-morning check-in'), ('questionnaire', 'Questionnaire'), ('education', 'Preparation and three questions'), ('opt-out', 'No more messages'), ('outside', 'Times for the therapist outside the clinic'), ('address', 'Is this your address')], max_length=14),
        ),
        migrations.AlterField(
            model_name='patientlinkevent',
            name='purpose',
            field=models.CharField(choices=[('visit', 'Answer about a visit'), ('check-in', 'Next-morning check-in'), ('questionnaire', 'Questionnaire'), ('education', 'Preparation and three questions'), ('opt-out', 'No more messages'), ('outside', 'Times for the therapist outside the clinic'), ('address', 'Is this your address')], max_length=14),
        ),
        migrations.AlterField(
            model_name='workitem',
            name='kind',
            field=models.CharField(choices=[('displaced', 'Booking displaced'), ('stale-window', 'Therapy time not worked out'), ('unsigned', 'Record not signed'), ('message-failed', 'Message not delivered'), ('missed', 'Follow-up missed'), ('call-patient', 'Call the patient'), ('therapy-inside', 'Therapy inside a no-therapy period'), ('unplaced', 'No time found for therapy'), ('prescriber', 'A prescriber decides'), ('restored', 'Messages waiting for release'), ('patient-answer', 'Answered by the patient'), ('risk-review', 'Answer to look at today'), ('staffing', 'Somebody else is needed'), ('gate', 'Before the visit'), ('practice-plan', 'Practice plan missing'), ('outside', 'Outside therapist')], max_length=16),
        ),
        migrations.AlterField(
            model_name='workitemevent',
            name='kind',
            field=models.CharField(choices=[('displaced', 'Booking displaced'), ('stale-window', 'Therapy time not worked out'), ('unsigned', 'Record not signed'), ('message-failed', 'Message not delivered'), ('missed', 'Follow-up missed'), ('call-patient', 'Call the patient'), ('therapy-inside', 'Therapy inside a no-therapy period'), ('unplaced', 'No time found for therapy'), ('prescriber', 'A prescriber decides'), ('restored', 'Messages waiting for release'), ('patient-answer', 'Answered by the patient'), ('risk-review', 'Answer to look at today'), ('staffing', 'Somebody else is needed'), ('gate', 'Before the visit'), ('practice-plan', 'Practice plan missing'), ('outside', 'Outside therapist')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['provisional', 'firm', 'released', 'booked', 'done', 'reported', 'missed', 'declined', 'dropped', 'withdrawn'])), name='follow_up_state_known'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('appointment__isnull', True), ('report__isnull', False), ('state', 'reported'), ('therapy', True)), models.Q(models.Q(('state', 'reported'), _negated=True), ('report__isnull', True)), _connector='OR'), name='reported_therapy_is_no_session_here'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), ('therapy', True), _negated=True), ('appointment__isnull', False), _connector='OR'), name='done_therapy_was_a_session_here'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(('outside__isnull', True), ('therapy', True), _connector='OR'), name='only_therapy_is_given_outside'),
        ),
        migrations.AddConstraint(
            model_name='patientlink',
            constraint=models.CheckConstraint(condition=models.Q(('purpose__in', ['visit', 'check-in', 'questionnaire', 'education', 'opt-out', 'outside', 'address'])), name='link_purpose_known'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
