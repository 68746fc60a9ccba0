"""A model with a secret that no app has: the field and the rotation of keys are tested on it."""

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from common.fields import EncryptedTextField


@pytest.fixture
def safe(db):
    """Return the model; its table exists until the test's transaction is rolled back."""
    with isolate_apps("common"):

        class Safe(models.Model):
            name = models.CharField(max_length=20, blank=True)
            password = EncryptedTextField(blank=True)

            class Meta:
                app_label = "common"

            def __str__(self) -> str:
                return self.name

    sql, parameters = connection.schema_editor().table_sql(Safe)  # entered, it wants no transaction
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
    return Safe
