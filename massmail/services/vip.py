"""VIPs: the recipients to whom their owner's main account writes.

A recipient is a VIP when their mass contact points to a main account. Only that pointer changes
here: subscriptions and links stay as they are.
"""

import logging
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.utils.translation import gettext as _

from massmail.errors import MassmailError
from massmail.models import EmailAccount, MassContact
from massmail.services import audience_sql

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


class NoMainAccount(MassmailError):
    """The user has no account that could write to VIPs."""


# One statement, so that two people who press the button at once do not clash. The WHERE lets
# SQLite tell ON CONFLICT from a join's ON.
_POINT_TO = """
INSERT INTO {table} (content_type_id, object_id, email_account_id, massmail, uuid)
WITH chosen (pk) AS ({people})
SELECT %s, pk, %s, TRUE, {uuid} FROM chosen WHERE TRUE ORDER BY pk
ON CONFLICT (content_type_id, object_id)
    DO UPDATE SET email_account_id = excluded.email_account_id
    WHERE {table}.email_account_id {differs} excluded.email_account_id
"""


def specify(people: models.QuerySet[Any], *, owner: "User") -> int:
    """Make people VIPs of the user: their main account writes to them. Returns how many were not.

    Missing mass contacts are made. One statement, whatever the number. Raises NoMainAccount.
    """
    account = EmailAccount.objects.filter(owner=owner, main=True).first()
    if account is None:
        raise NoMainAccount(
            _("You have no main account, which would write to VIPs. Mark one of yours as main.")
        )
    content_type = ContentType.objects.get_for_model(people.model)
    select, parameters = _ids(people).query.get_compiler("default", elide_empty=False).as_sql()
    postgres = connection.vendor == "postgresql"
    statement = _POINT_TO.format(
        table=MassContact._meta.db_table,
        people=select,
        uuid=audience_sql.random_uuid(),
        differs="IS DISTINCT FROM" if postgres else "IS NOT",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, content_type.pk, account.pk])
        number = int(cursor.rowcount)
    logger.info("account %d: %d VIPs more", account.pk, number)
    return number


def remove(people: models.QuerySet[Any], *, owner: "User") -> int:
    """Let the user's main account write to these people no more; return how many it did.

    The next start gives them another account. No mass contact is deleted.
    """
    vips = MassContact.objects.filter(
        content_type=ContentType.objects.get_for_model(people.model),
        object_id__in=_ids(people),
        email_account__in=EmailAccount.objects.filter(owner=owner, main=True),
    )
    return vips.update(email_account=None)


def _ids(people: models.QuerySet[Any]) -> models.QuerySet[Any, Any]:
    return people.order_by().values("pk")
