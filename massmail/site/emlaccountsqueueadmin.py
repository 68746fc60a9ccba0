"""The rotations of accounts, for superusers to look at: who is next to get new recipients."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from massmail.services.rotations import rotations_of
from massmail.site.columns import column
from massmail.site.superusers import SuperuserAdmin


class QueueList(ChangeList):
    """The list of queues: all rotations on a page are asked for together."""

    def get_results(self, request: HttpRequest) -> None:
        """Give each queue its accounts in their order, the next one first."""
        super().get_results(request)
        rotations = rotations_of([queue.owner for queue in self.result_list])
        for queue in self.result_list:
            accounts = rotations[queue.owner_id]
            start = queue.position % len(accounts) if accounts else 0
            queue.turns = accounts[start:] + accounts[:start]


class EmlAccountsQueueAdmin(SuperuserAdmin):
    list_display = ("owner", "turns", "number", "position")
    list_display_links = None
    list_select_related = ("owner",)
    search_fields = ("owner__username", "owner__last_name", "owner__email")
    ordering = ("owner__username",)
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows the accounts."""
        return QueueList

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave making them to the first start of each owner."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave moving them to the starts: the order is computed from the accounts."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep them: a rotation would begin anew."""
        return False

    @admin.display(description=_("accounts, the next one first"))
    def turns(self, obj: Any) -> SafeString:  # Any: a queue with what the list adds
        return column("queue_turns", accounts=obj.turns)

    @admin.display(description=_("accounts"))
    def number(self, obj: Any) -> int:
        return len(obj.turns)
