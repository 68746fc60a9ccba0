"""A picture of the gallery: uploaded once, used in any number of messages and signatures."""

import uuid
from typing import Any, Self

from django.db import models, transaction
from django.db.models.functions import Coalesce
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from common.models import Base1, OwnedQuerySet
from massmail.models.email_message import EmlMessage
from massmail.models.signature import Signature

FOLDER, THUMBNAILS = "pics/", "thumbnails/"


def stored_name(picture: "Picture", name: str) -> str:
    """Return where a picture is stored: a random name that tells nothing and meets no other."""
    extension = name.rpartition(".")[2]
    return f"{FOLDER}{uuid.uuid4().hex}.{extension}"


class PictureQuerySet(OwnedQuerySet["Picture"]):
    def with_use(self) -> Self:
        """Add `message_count` and `signature_count`: how many texts name the picture, anybody's."""
        return self.annotate(
            message_count=_number_naming(EmlMessage), signature_count=_number_naming(Signature)
        )


class Picture(Base1):
    """A picture that was decoded and written anew by us; `name` is what its owner called it."""

    name = models.CharField(_("name"), max_length=150)
    file = models.ImageField(
        _("file"), upload_to=stored_name, width_field="width", height_field="height", max_length=100
    )
    width = models.PositiveIntegerField(_("width, px"), editable=False)
    height = models.PositiveIntegerField(_("height, px"), editable=False)
    size_bytes = models.PositiveIntegerField(_("size"), editable=False)

    message_count: int  # these two are added by `with_use()`
    signature_count: int

    objects = PictureQuerySet.as_manager()

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def tag(self) -> str:
        """What shows the picture in a message."""
        return f"{{% cid_media '{self.file.name}' %}}"

    @property
    def kind(self) -> str:
        """The format in its usual letters, e.g. PNG."""
        extension = (self.file.name or "").rpartition(".")[2]
        return "JPEG" if extension == "jpg" else extension.upper()

    @property
    def thumbnail_name(self) -> str:
        """Where its small version is stored."""
        return f"{THUMBNAILS}{(self.file.name or '').removeprefix(FOLDER)}"


@receiver(post_delete, sender=Picture)
def delete_stored_files(instance: Picture, **_: Any) -> None:  # Any: what Django's signal sends
    """Delete the stored files once the deletion is certain."""
    storage, name = instance.file.storage, instance.file.name or ""
    if name:
        transaction.on_commit(lambda: storage.delete(name), robust=True)
        transaction.on_commit(lambda: storage.delete(instance.thumbnail_name), robust=True)


def _number_naming(model: type[EmlMessage] | type[Signature]) -> Coalesce:
    """Return how many rows have the stored name of the outer picture in their content.

    The name is random: where it stands, the picture is meant, as a tag or as an address.
    """
    naming = model._default_manager.filter(content__contains=models.OuterRef("file"))
    number = naming.order_by().values(one=models.Value(1)).annotate(n=models.Count("pk"))
    return Coalesce(models.Subquery(number.values("n")), 0)
