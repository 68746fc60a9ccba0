"""A picture of the gallery: uploaded once, used in any number of messages and signatures."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from common.models import Base1, OwnedQuerySet


def stored_name(picture: "Picture", name: str) -> str:
    """Return where a picture is stored: a random name that tells nothing and meets no other."""
    extension = name.rpartition(".")[2]
    return f"pics/{uuid.uuid4().hex}.{extension}"


class PictureQuerySet(OwnedQuerySet["Picture"]):
    pass


class Picture(Base1):
    """A picture that was decoded and written anew by us; `name` is what its owner called it."""

    name = models.CharField(_("name"), max_length=150)
    file = models.ImageField(
        _("file"), upload_to=stored_name, width_field="width", height_field="height", max_length=100
    )
    width = models.PositiveIntegerField(_("width, px"), editable=False)
    height = models.PositiveIntegerField(_("height, px"), editable=False)
    size_bytes = models.PositiveIntegerField(_("size"), editable=False)

    objects = PictureQuerySet.as_manager()

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name
