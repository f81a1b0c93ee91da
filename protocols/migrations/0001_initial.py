import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.comparison
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('pghistory', '0007_auto_20250421_0444'),
        ('staff', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProtocolTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('slug', models.SlugField(unique=True)),
                ('name', models.CharField(max_length=120)),
                ('summary', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='ProtocolTemplateEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('slug', models.SlugField(db_index=False)),
                ('name', models.CharField(max_length=120)),
                ('summary', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.protocoltemplate')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ProtocolVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('number', models.PositiveIntegerField()),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('in-review', 'In review'), ('active', 'Active'), ('superseded', 'Superseded'), ('retired', 'Retired')], default='draft', max_length=10)),
                ('definition', models.JSONField()),
                ('sha256', models.CharField(max_length=64)),
                ('change_note', models.CharField(blank=True, max_length=500)),
                ('approval', models.CharField(blank=True, choices=[('second-person', 'Approved by a second person'), ('sole', 'Sole approval, no second reviewer'), ('shipped', 'Shipped with the product')], max_length=14)),
                ('submitted_at', models.DateTimeField(blank=True, null=True)),
                ('returned_note', models.CharField(blank=True, max_length=500)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('activated_at', models.DateTimeField(blank=True, null=True)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('last_reviewed_on', models.DateField(blank=True, null=True)),
                ('next_review_on', models.DateField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('dose_mg_per_kg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('mg_per_kg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('ceiling_mg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('ceiling_mg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('infusion_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('infusion_minutes', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('observe_from_start_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('observe_from_start_minutes', django.db.models.fields.json.KeyTextTransform('discharge', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='approved_versions', to=settings.AUTH_USER_MODEL)),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='authored_versions', to=settings.AUTH_USER_MODEL)),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='protocols.protocoltemplate')),
            ],
            options={
                'ordering': ['template', '-number'],
                'constraints': [models.UniqueConstraint(models.F('template'), models.F('number'), name='version_number_once_per_template'), models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('template',), name='one_active_version_per_template'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'in-review', 'active', 'superseded', 'retired'])), name='version_status_known'), models.CheckConstraint(condition=models.Q(('dose_mg_per_kg__gte', '0.1'), ('dose_mg_per_kg__lte', '1.0')), name='version_dose_in_range'), models.CheckConstraint(condition=models.Q(('ceiling_mg__gt', 0), ('ceiling_mg__lte', 200)), name='version_ceiling_in_range'), models.CheckConstraint(condition=models.Q(('infusion_minutes__gte', 30), ('infusion_minutes__lte', 100)), name='version_minutes_in_range'), models.CheckConstraint(condition=models.Q(('observe_from_start_minutes__gte', 120)), name='version_observation_long_enough'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'in-review']), models.Q(('activated_at__isnull', False), ('approved_at__isnull', False), ('approved_by__isnull', False)), _connector='OR'), name='version_published_only_when_approved'), models.CheckConstraint(condition=models.Q(models.Q(('approval', 'second-person'), _negated=True), models.Q(('approved_by', models.F('author')), _negated=True), _connector='OR'), name='version_author_is_not_second_person'), models.CheckConstraint(condition=models.Q(models.Q(('approval', 'sole'), _negated=True), models.Q(('approved_at__gte', django.db.models.expressions.CombinedExpression(models.F('submitted_at'), '+', models.Value(datetime.timedelta(days=1)))), ('submitted_at__isnull', False)), _connector='OR'), name='version_sole_approval_waits_a_day')],
            },
        ),
        migrations.CreateModel(
            name='ProtocolDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('consent', 'Consent'), ('education', 'Education')], max_length=10)),
                ('title', models.CharField(max_length=160)),
                ('body', models.TextField()),
                ('change', models.CharField(choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], default='material', max_length=10)),
                ('protocol_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='protocols.protocolversion')),
            ],
            options={
                'ordering': ['kind'],
                'constraints': [models.UniqueConstraint(models.F('protocol_version'), models.F('kind'), name='one_document_of_a_kind_per_version'), models.CheckConstraint(condition=models.Q(('kind__in', ['consent', 'education'])), name='document_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='ProtocolVersionEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('in-review', 'In review'), ('active', 'Active'), ('superseded', 'Superseded'), ('retired', 'Retired')], default='draft', max_length=10)),
                ('definition', models.JSONField()),
                ('sha256', models.CharField(max_length=64)),
                ('change_note', models.CharField(blank=True, max_length=500)),
                ('approval', models.CharField(blank=True, choices=[('second-person', 'Approved by a second person'), ('sole', 'Sole approval, no second reviewer'), ('shipped', 'Shipped with the product')], max_length=14)),
                ('submitted_at', models.DateTimeField(blank=True, null=True)),
                ('returned_note', models.CharField(blank=True, max_length=500)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('activated_at', models.DateTimeField(blank=True, null=True)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('last_reviewed_on', models.DateField(blank=True, null=True)),
                ('next_review_on', models.DateField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('dose_mg_per_kg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('mg_per_kg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('ceiling_mg', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('ceiling_mg', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('infusion_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('infusion_minutes', django.db.models.fields.json.KeyTextTransform('dose', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('observe_from_start_minutes', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.fields.json.KeyTextTransform('observe_from_start_minutes', django.db.models.fields.json.KeyTextTransform('discharge', 'definition')), models.DecimalField(decimal_places=3, max_digits=8)), output_field=models.DecimalField(decimal_places=3, max_digits=8))),
                ('approved_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('author', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.protocolversion')),
                ('template', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocoltemplate')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ProtocolDocumentEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('kind', models.CharField(choices=[('consent', 'Consent'), ('education', 'Education')], max_length=10)),
                ('title', models.CharField(max_length=160)),
                ('body', models.TextField()),
                ('change', models.CharField(choices=[('material', 'Material: patients consent again'), ('notice', 'Notice only')], default='material', max_length=10)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='protocols.protocoldocument')),
                ('protocol_version', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='protocols.protocolversion')),
            ],
            options={
                'abstract': False,
            },
        ),
    ]
