"""An attached file of any object."""

import uuid
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def stored_name(_row: models.Model, name: str) -> str:
    """Return where a file is stored: in a folder of its own, so that its name stays as it is."""
    return f"docs/{timezone.now():%Y/%m/%d}/{uuid.uuid4().hex}/{name}"


class TheFile(models.Model):
    """One file attached to one object. Copies of an object may share the stored file."""

    file = models.FileField(_("file"), upload_to=stored_name, max_length=250)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    content_object = GenericForeignKey("content_type", "object_id")

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        indexes = [models.Index(fields=["content_type", "object_id"], name="the_file_object")]

    def __str__(self) -> str:
        return (self.file.name or "").rpartition("/")[2]


@receiver(post_delete, sender=TheFile)
def delete_stored_file(instance: TheFile, **_: Any) -> None:  # Any: what Django's signal sends
    """Delete the stored file once no row uses it, also when its object took the row along."""
    name, storage = instance.file.name or "", instance.file.storage
    if name and not TheFile.objects.filter(file=name).exists():
        transaction.on_commit(lambda: storage.delete(name))
