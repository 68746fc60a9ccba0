
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
        ('massmail', '0006_replies_trouble'),
    ]

    operations = [
        migrations.AlterField(
            model_name='masscontact',
            name='content_type',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='contenttypes.contenttype'),
        ),
        migrations.AlterField(
            model_name='masscontact',
            name='merged_into',
            field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='merged', to='massmail.masscontact'),
        ),
        migrations.AddIndex(
            model_name='masscontact',
            index=models.Index(condition=models.Q(('merged_into__isnull', False)), fields=['merged_into'], name='mass_contact_merged'),
        ),
    ]
