from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("staff", "0002_clock_and_environment")]
    operations = [
        migrations.AddField(
            model_name="site", name="open_on_holidays", field=models.BooleanField(default=False)
        )
    ]
