"""Signed reports of e-mail providers that have been taken, so that a signature is good for one text only."""


from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduling', '0014_no_therapy_while_not_fit'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProviderReport',
            fields=[
                ('key', models.CharField(max_length=80, primary_key=True, serialize=False)),
                ('body_sha256', models.CharField(max_length=64)),
                ('received_at', models.DateTimeField(db_index=True)),
            ],
        ),
    ]
