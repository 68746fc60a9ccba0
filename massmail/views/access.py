"""Who may open and change what: the one gate of all staff views of this app.

A page asks for the permission of the model (403), and then for the object among what its user may
see (404 for a stranger's); an act asks besides that it is theirs to change (403).
"""

from typing import TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from common.models import Base1, OwnedQuerySet

AnyOwned = TypeVar("AnyOwned", bound=Base1)


def user_of(request: HttpRequest) -> User:
    """Return the user: the admin site lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def visible_or_404(
    request: HttpRequest, model: type[AnyOwned], pk: int, *, related: tuple[str, ...] = ()
) -> AnyOwned:
    """Return an object that the user may read. Raises PermissionDenied and Http404."""
    user = user_of(request)
    if not may_see(user, model):
        raise PermissionDenied
    return get_object_or_404(_owned(model).visible_to(user).select_related(*related), pk=pk)


def changeable_or_403(
    request: HttpRequest, model: type[AnyOwned], pk: int, *, related: tuple[str, ...] = ()
) -> AnyOwned:
    """Return an object that the user may change. Raises PermissionDenied and Http404."""
    found = visible_or_404(request, model, pk, related=related)
    if not may_change(user_of(request), found):
        raise PermissionDenied
    return found


def may_see(user: User, model: type[Base1]) -> bool:
    """Tell whether the user may read objects of this model."""
    label, name = model._meta.app_label, model._meta.model_name
    return user.has_perm(f"{label}.view_{name}") or user.has_perm(f"{label}.change_{name}")


def may_write_or_403(request: HttpRequest, model: type[Base1]) -> None:
    """Let pass who may add or change objects of a model. Raises PermissionDenied."""
    label, name = model._meta.app_label, model._meta.model_name
    user = user_of(request)
    if not (user.has_perm(f"{label}.add_{name}") or user.has_perm(f"{label}.change_{name}")):
        raise PermissionDenied


def may_change(user: User, obj: Base1) -> bool:
    """Tell whether the user may change this object (at most one statement)."""
    meta = obj._meta
    if not user.has_perm(f"{meta.app_label}.change_{meta.model_name}"):
        return False
    return _owned(type(obj)).changeable_by(user).filter(pk=obj.pk).exists()


def _owned(model: type[AnyOwned]) -> OwnedQuerySet[AnyOwned]:
    queryset = model._default_manager.get_queryset()
    assert isinstance(queryset, OwnedQuerySet)
    return queryset
