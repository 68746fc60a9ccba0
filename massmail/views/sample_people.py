"""The people as whom a preview can be shown, found by what is typed."""

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from massmail.models import Recipient
from massmail.views.access import user_of
from massmail.views.samples import people_found


@require_safe
def sample_people(request: HttpRequest) -> JsonResponse:
    """Answer the people whom the user may see, whose name or address has all words of `?q=`."""
    found = people_found(user_of(request), request.GET.get("q", ""))
    people = [{"value": value, "label": _label(person)} for value, person in found]
    return JsonResponse({"people": people})


def _label(person: Recipient) -> str:
    facts = {
        "name": person.display_name,
        "address": person.address or _("no address"),
        "type": person._meta.verbose_name,
    }
    return _("%(name)s · %(address)s · %(type)s") % facts
