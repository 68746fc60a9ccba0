"""Heartbeats of the beat, and of the tick that needs all parts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("massmail", "0007_mass_contact_indexes")]

    operations = [
        migrations.AlterField(
            model_name="heartbeat",
            name="role",
            field=models.CharField(
                choices=[
                    ("beat", "beat"),
                    ("control", "control worker"),
                    ("deliveries", "deliveries worker"),
                    ("tick", "tick: beat, broker and control worker together"),
                ],
                max_length=10,
                verbose_name="part",
            ),
        ),
    ]
