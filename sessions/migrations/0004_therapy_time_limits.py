"""Struck levels and adverse events stay readable; a stated therapy time keeps to its limits (decisions 1.4).

A signature may name an earlier time than the estimate only with a second person, and not before the median, unless it
rests on a measured level of this infusion: drawn after the pump stopped, below the threshold, not struck. Where no
estimate stands, a signature states the time.
"""

from django.db import migrations

FORWARD = """
DROP TRIGGER record_is_fixed ON treatment_sessions_measuredlevel;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_measuredlevel
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason');
DROP TRIGGER record_is_fixed ON treatment_sessions_adverseevent;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_adverseevent
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('resolved_at', 'withdrawn_at', 'withdrawn_by_id', 'withdrawn_reason');

CREATE FUNCTION stated_time_within_limits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    e record;
    drawn timestamptz;
BEGIN
    SELECT t_pk, p50_at, threshold_ng_ml INTO e FROM treatment_sessions_clearanceestimate
    WHERE infusion_id = NEW.infusion_id AND superseded_at IS NULL;
    IF e.t_pk IS NULL THEN
        IF NEW.override_to IS NULL THEN
            RAISE EXCEPTION 'without an estimate the signature states when therapy may begin'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'no_estimate_needs_a_stated_time';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.override_to IS NULL OR NEW.override_to >= e.t_pk THEN RETURN NEW; END IF;
    IF NEW.second_person_id IS NULL THEN
        RAISE EXCEPTION 'an earlier therapy time needs a second person'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'advance_needs_a_second_person';
    END IF;
    SELECT l.observed_at INTO drawn FROM treatment_sessions_measuredlevel l
    JOIN treatment_sessions_infusion i ON i.id = l.infusion_id
    WHERE l.id = NEW.override_level_id AND l.infusion_id = NEW.infusion_id AND l.withdrawn_at IS NULL
      AND l.observed_at > i.stopped_at AND l.ketamine_ng_ml < e.threshold_ng_ml;
    IF NEW.override_to < coalesce(drawn, e.p50_at, e.t_pk) THEN
        RAISE EXCEPTION 'an earlier therapy time is limited by the median, or by a measured level'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'advance_not_before_median_or_level';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stated_time_within_limits BEFORE INSERT ON treatment_sessions_signoff
    FOR EACH ROW EXECUTE FUNCTION stated_time_within_limits();
"""

BACKWARD = """
DROP TRIGGER stated_time_within_limits ON treatment_sessions_signoff;
DROP FUNCTION stated_time_within_limits();
DROP TRIGGER record_is_fixed ON treatment_sessions_adverseevent;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_adverseevent
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('resolved_at');
DROP TRIGGER record_is_fixed ON treatment_sessions_measuredlevel;
CREATE TRIGGER record_is_fixed BEFORE UPDATE OR DELETE ON treatment_sessions_measuredlevel
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
"""


class Migration(migrations.Migration):
    dependencies = [("treatment_sessions", "0003_withheld_estimates_and_struck_levels")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
