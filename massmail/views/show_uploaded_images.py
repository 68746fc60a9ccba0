"""The gallery: the pictures that a user may see, to copy, to insert, to name and to delete."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from massmail.forms.picture_form import PictureNameForm
from massmail.models import Picture
from massmail.models.picture import PictureQuerySet
from massmail.services import pictures
from massmail.views.access import changeable_or_403, may_see, user_of

PICTURES_A_PAGE = 24
MINE, ALL = "mine", "all"
# The editor opens the gallery with the number of the function that takes the chosen picture.
EDITOR_FUNCTION = "CKEditorFuncNum"
_LONGEST_NUMBER = 9  # digits


@dataclass(frozen=True, slots=True)
class PictureCard:
    """A picture with what this user may do to it."""

    picture: Picture
    is_mine: bool
    can_change: bool
    can_delete: bool


@require_safe
def show_uploaded_images(request: HttpRequest) -> HttpResponse:
    """Show one page of the gallery."""
    user = user_of(request)
    if not may_see(user, Picture):
        raise PermissionDenied
    visible = Picture.objects.visible_to(user)
    whose, search = _whose(request), request.GET.get("q", "").replace("\0", "").strip()
    page = Paginator(_found(visible, user, whose, search), PICTURES_A_PAGE).get_page(
        request.GET.get("page")
    )
    context: dict[str, Any] = {  # as mixed as a template's context is
        **admin.site.each_context(request),
        "title": _("Pictures"),
        "page": page,
        "cards": _cards(page, user),
        "whose": whose,
        "search": search,
        "query": urlencode(_kept(request)),
        "editor_function": editor_function(request),
        "is_popup": editor_function(request) is not None,
        "can_add": user.has_perm("massmail.add_picture"),
        "mine_url": gallery_url(request, whose=MINE),
        "all_url": gallery_url(request, whose=ALL),
        "upload_url": _with_editor(reverse("pic_upload"), request),
    }
    return TemplateResponse(request, "massmail/pictures/gallery.html", context)


@require_POST
def picture_rename(request: HttpRequest, picture_id: int) -> HttpResponse:
    """Call a picture something else."""
    picture = changeable_or_403(request, Picture, picture_id)
    form = PictureNameForm(request.POST, instance=picture)
    if form.is_valid():
        pictures.rename(picture, name=form.cleaned_data["name"], by=user_of(request))
        messages.success(request, _("It is called “%(name)s” now.") % {"name": picture.name})
    else:
        messages.error(request, _("Write a name of up to 150 characters."))
    return redirect(gallery_url(request))


@require_POST
def picture_delete(request: HttpRequest, picture_id: int) -> HttpResponse:
    """Delete a picture that no text shows."""
    picture = changeable_or_403(request, Picture, picture_id)
    if not user_of(request).has_perm("massmail.delete_picture"):
        raise PermissionDenied
    try:
        pictures.delete(picture)
    except pictures.PictureInUse as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("“%(name)s” is deleted.") % {"name": picture.name})
    return redirect(gallery_url(request))


def gallery_url(request: HttpRequest, **chosen: str) -> str:
    """Return the gallery as it is narrowed now, but for what is chosen anew."""
    query = urlencode({**_kept(request), **chosen})
    return reverse("show_uploaded_images") + (f"?{query}" if query else "")


def _kept(request: HttpRequest) -> dict[str, str]:
    """Return what every link of the gallery carries on: search, whose, and the editor's number."""
    kept = {name: request.GET[name] for name in ("q", "whose") if request.GET.get(name)}
    number = editor_function(request)
    return kept if number is None else {**kept, EDITOR_FUNCTION: str(number)}


def _with_editor(url: str, request: HttpRequest) -> str:
    number = editor_function(request)
    return url if number is None else f"{url}?{urlencode({EDITOR_FUNCTION: number})}"


def editor_function(request: HttpRequest) -> int | None:
    """Return the editor's number; None if it did not open the page, or this is no number."""
    number = request.GET.get(EDITOR_FUNCTION, "")
    is_number = number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER
    return int(number) if is_number else None


def _whose(request: HttpRequest) -> str:
    """Return whose pictures to show: one's own unless asked otherwise, to a superuser all."""
    chosen = request.GET.get("whose", "")
    if chosen in {MINE, ALL}:
        return chosen
    return ALL if user_of(request).is_superuser else MINE


def _found(visible: PictureQuerySet, user: User, whose: str, search: str) -> PictureQuerySet:
    found = visible.filter(owner=user) if whose == MINE else visible
    if search:
        found = found.filter(name__icontains=search)
    return found.with_use().select_related("owner").order_by("-pk")


def _cards(page: "Page[Picture]", user: User) -> list[PictureCard]:
    """Return the pictures with what may be done to them (one statement for all)."""
    shown = list(page.object_list)
    theirs = Picture.objects.changeable_by(user).filter(pk__in=[each.pk for each in shown])
    changeable = set(theirs.values_list("pk", flat=True))
    may_change = user.has_perm("massmail.change_picture")
    may_delete = may_change and user.has_perm("massmail.delete_picture")
    return [
        PictureCard(
            picture=each,
            is_mine=each.owner_id == user.pk,
            can_change=may_change and each.pk in changeable,
            can_delete=may_delete and each.pk in changeable,
        )
        for each in shown
    ]
