from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("protocols", "0004_retired_says_what_runs_on")]
    operations = [
        migrations.AddConstraint(
            model_name='protocolversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('running_series__in', ['finish', 'hold']), ('status', 'retired')), models.Q(models.Q(('status', 'retired'), _negated=True), ('running_series', '')), _connector='OR'), name='version_retired_says_what_runs_on'),
        ),
    ]
