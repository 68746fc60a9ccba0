"""Leave room in the pages of the ledger, so that a success updates its row in place (HOT)."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def set_fillfactor(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE massmail_delivery SET (fillfactor = 50)")


def reset_fillfactor(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE massmail_delivery RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [("massmail", "0001_initial")]

    operations = [migrations.RunPython(set_fillfactor, reset_fillfactor)]
