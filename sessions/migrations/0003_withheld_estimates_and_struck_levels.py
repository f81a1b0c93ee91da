"""Estimates that say why there is no time; struck levels and adverse events; coded criteria and how things were before the start."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('treatment_sessions', '0002_records_are_fixed'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='clearanceestimate',
            name='estimate_never_is_a_share',
        ),
        migrations.RemoveConstraint(
            model_name='criterionresult',
            name='one_current_result_per_criterion',
        ),
        migrations.AddField(
            model_name='adverseevent',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='adverseevent',
            name='withdrawn_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='adverseevent',
            name='withdrawn_reason',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='adverseeventevent',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='adverseeventevent',
            name='withdrawn_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='adverseeventevent',
            name='withdrawn_reason',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='clearanceestimate',
            name='withheld',
            field=models.CharField(blank=True, choices=[('infiltrated', 'Line infiltrated'), ('refused', 'Cannot be estimated')], max_length=12),
        ),
        migrations.AddField(
            model_name='clearanceestimateevent',
            name='withheld',
            field=models.CharField(blank=True, choices=[('infiltrated', 'Line infiltrated'), ('refused', 'Cannot be estimated')], max_length=12),
        ),
        migrations.AddField(
            model_name='criterionresult',
            name='before_start',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='criterionresult',
            name='value',
            field=models.CharField(blank=True, max_length=30),
        ),
        migrations.AddField(
            model_name='criterionresultevent',
            name='before_start',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='criterionresultevent',
            name='value',
            field=models.CharField(blank=True, max_length=30),
        ),
        migrations.AddField(
            model_name='measuredlevel',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='measuredlevel',
            name='withdrawn_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='measuredlevel',
            name='withdrawn_reason',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='measuredlevelevent',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='measuredlevelevent',
            name='withdrawn_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='measuredlevelevent',
            name='withdrawn_reason',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='signoff',
            name='override_level',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='treatment_sessions.measuredlevel'),
        ),
        migrations.AddField(
            model_name='signoffevent',
            name='override_level',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='treatment_sessions.measuredlevel'),
        ),
        migrations.AlterField(
            model_name='clearanceestimate',
            name='never_above',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='clearanceestimate',
            name='t_pk',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='clearanceestimateevent',
            name='never_above',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='clearanceestimateevent',
            name='t_pk',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='clearanceestimate',
            constraint=models.CheckConstraint(condition=models.Q(('never_above__isnull', True), models.Q(('never_above__gte', 0), ('never_above__lte', 1)), _connector='OR'), name='estimate_never_is_a_share'),
        ),
        migrations.AddConstraint(
            model_name='clearanceestimate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('t_pk__isnull', False), ('withheld', '')), models.Q(('p50_at__isnull', True), ('p5_at__isnull', True), ('p95_at__isnull', True), ('t_pk__isnull', True), ('withheld__in', ['infiltrated', 'refused'])), _connector='OR'), name='estimate_says_a_time_or_why_not'),
        ),
        migrations.AddConstraint(
            model_name='criterionresult',
            constraint=models.UniqueConstraint(condition=models.Q(('superseded_at__isnull', True)), fields=('infusion', 'criterion', 'before_start'), name='one_current_result_per_criterion'),
        ),
    ]
