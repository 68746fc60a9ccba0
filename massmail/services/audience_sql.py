"""The statements of `services/audience.py` that the ORM cannot say.

They are INSERT … SELECT and UPDATE … FROM over the plan, a temporary table with one row for each
chosen recipient:

    recipient_id, address_key, reason ("" = none), sticky (account or null), vip (0 or 1),
    mass_contact (id or null), place (1 = stands for its address, 2 … = duplicate of that one)

A draft that has rows is compared with its plan once; what differs is a second temporary table,
most often almost empty, which the updates read. All of it runs on PostgreSQL and SQLite, inside
the caller's transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models

from massmail.models import AccountShare, Delivery, MailingOut, MassContact

_DELIVERY = Delivery._meta.db_table
_MASS_CONTACT = MassContact._meta.db_table
_SHARE = AccountShare._meta.db_table
_WORK_MEM = "256MB"  # of the database server, for each sort and hash table

# Of several recipients with one address, one stands for all: who can be written to before who
# cannot, a VIP before others, then the lowest id. Who has no address stands for nobody else.
_PLAN = """
CREATE TEMPORARY TABLE audience_plan AS
WITH chosen (recipient_id, address_key, reason, sticky, vip, mass_contact) AS ({chosen})
SELECT chosen.*, CASE WHEN address_key IS NULL THEN 1 ELSE ROW_NUMBER() OVER (
    PARTITION BY address_key{bytewise}
    ORDER BY CASE WHEN reason = '' THEN 0 ELSE 1 END, vip DESC, recipient_id) END AS place
FROM chosen
"""

_INSERT_STANDING = """
INSERT INTO {delivery} (mailing_out_id, recipient_id, uuid, address_key, email_account_id,
    status, reason)
SELECT %s, recipient_id, {uuid}, address_key, COALESCE(sticky, {share}),
    CASE WHEN reason = '' THEN 'pending' ELSE 'skipped' END, reason
FROM (SELECT audience_plan.*, SUM(CASE WHEN sticky IS NULL AND reason = '' THEN 1 ELSE 0 END)
        OVER (ORDER BY recipient_id ROWS UNBOUNDED PRECEDING) AS turn
    FROM audience_plan WHERE place = 1) AS standing
ORDER BY recipient_id
"""

_INSERT_BARE = """
WITH chosen (recipient_id) AS ({chosen})
INSERT INTO {delivery} (mailing_out_id, recipient_id, uuid, status, reason)
SELECT %s, recipient_id, {uuid}, 'pending', '' FROM chosen
GROUP BY recipient_id ORDER BY recipient_id
"""

_INSERT_DUPLICATES = """
INSERT INTO {delivery} (mailing_out_id, recipient_id, uuid, address_key, duplicate_of_id,
    status, reason)
SELECT stands.mailing_out_id, plan.recipient_id, {uuid}, plan.address_key, stands.id,
    'skipped', 'duplicate'
FROM audience_plan AS plan JOIN {delivery} AS stands
    ON stands.mailing_out_id = %s AND stands.address_key = plan.address_key
    AND stands.duplicate_of_id IS NULL
WHERE plan.place > 1
"""

# The rows that are not as the plan has them, and all duplicates: theirs may stand for another now.
_DIFFERENCES = """
CREATE TEMPORARY TABLE audience_difference AS
SELECT entry.id AS delivery_id, plan.*
FROM {delivery} AS entry LEFT JOIN audience_plan AS plan ON plan.recipient_id = entry.recipient_id
WHERE entry.mailing_out_id = %s AND (
    plan.recipient_id IS NULL
    OR plan.place > 1
    OR entry.address_key {differs} plan.address_key
    OR entry.reason <> plan.reason
    OR (plan.reason = '' AND (
        (plan.sticky IS NOT NULL AND entry.email_account_id {differs} plan.sticky)
        OR (plan.sticky IS NULL AND (entry.email_account_id IS NULL
            OR entry.email_account_id NOT IN ({rotation}))))))
"""

_MARK_DELETED = """
UPDATE {delivery} AS entry SET status = 'skipped', reason = 'deleted', address_key = NULL,
    duplicate_of_id = NULL, email_account_id = NULL
FROM audience_difference AS plan
WHERE entry.id = plan.delivery_id AND plan.recipient_id IS NULL
"""

# Step 1 frees the keys of all rows that differ, so that step 2 can never clash.
_FREE_DIFFERING = """
UPDATE {delivery} AS entry SET address_key = NULL, duplicate_of_id = NULL, status = 'pending',
    reason = ''
FROM audience_difference AS plan
WHERE entry.id = plan.delivery_id AND plan.recipient_id IS NOT NULL AND (
    entry.address_key {differs} plan.address_key
    OR entry.reason <> CASE WHEN plan.place > 1 THEN 'duplicate' ELSE plan.reason END)
"""

_SETTLE_STANDING = """
UPDATE {delivery} AS entry SET address_key = plan.address_key, reason = plan.reason,
    status = CASE WHEN plan.reason = '' THEN 'pending' ELSE 'skipped' END
FROM audience_difference AS plan
WHERE entry.id = plan.delivery_id AND plan.place = 1 AND (
    entry.address_key {differs} plan.address_key OR entry.reason <> plan.reason)
"""

_SETTLE_DUPLICATES = """
UPDATE {delivery} AS entry SET address_key = plan.address_key, duplicate_of_id = stands.id,
    status = 'skipped', reason = 'duplicate', email_account_id = NULL
FROM audience_difference AS plan, {delivery} AS stands
WHERE entry.id = plan.delivery_id AND plan.place > 1
    AND stands.mailing_out_id = %s AND stands.address_key = plan.address_key
    AND stands.duplicate_of_id IS NULL AND stands.id <> entry.id
    AND entry.duplicate_of_id {differs} stands.id
"""

_SETTLE_STICKY = """
UPDATE {delivery} AS entry SET email_account_id = plan.sticky
FROM audience_difference AS plan
WHERE entry.id = plan.delivery_id AND entry.status = 'pending' AND plan.sticky IS NOT NULL
    AND entry.email_account_id {differs} plan.sticky
"""

_SETTLE_SHARED = """
UPDATE {delivery} AS entry SET email_account_id = {share}
FROM (SELECT plan.delivery_id, ROW_NUMBER() OVER (ORDER BY plan.recipient_id) AS turn
    FROM audience_difference AS plan JOIN {delivery} AS old ON old.id = plan.delivery_id
    WHERE plan.sticky IS NULL AND old.status = 'pending'
        AND (old.email_account_id IS NULL OR old.email_account_id NOT IN ({rotation}))) AS plan
WHERE entry.id = plan.delivery_id
"""

_SKIP_WITHOUT_ACCOUNT = """
UPDATE {delivery} AS entry SET status = 'skipped', reason = 'no_account', email_account_id = NULL
FROM audience_difference AS plan
WHERE entry.id = plan.delivery_id AND entry.status = 'pending' AND plan.sticky IS NULL
"""

_INSERT_MASS_CONTACTS = """
INSERT INTO {mass_contact} (content_type_id, object_id, email_account_id, massmail, uuid)
SELECT %s, entry.recipient_id, entry.email_account_id, TRUE, {uuid}
FROM {delivery} AS entry JOIN audience_plan AS plan ON plan.recipient_id = entry.recipient_id
WHERE entry.mailing_out_id = %s AND entry.status = 'pending' AND plan.mass_contact IS NULL
"""

_COUNT_WITHOUT_MASS_CONTACT = """
SELECT COUNT(*) FROM audience_plan
WHERE reason = '' AND place = 1 AND mass_contact IS NULL
"""

_INSERT_SHARES = """
INSERT INTO {account_share} (mailing_out_id, email_account_id, watermark, exhausted, handed_over)
SELECT mailing_out_id, email_account_id, 0, FALSE, FALSE FROM {delivery}
WHERE mailing_out_id = %s AND status = 'pending' AND email_account_id IS NOT NULL
GROUP BY mailing_out_id, email_account_id
ON CONFLICT (mailing_out_id, email_account_id)
    DO UPDATE SET watermark = 0, exhausted = FALSE, handed_over = FALSE
"""


@contextmanager
def plan_of(planned: models.QuerySet[Any, Any]) -> Iterator[None]:
    """Make the plan from a queryset of (recipient id, key, reason, sticky, vip, mass contact)."""
    select, parameters = planned.query.get_compiler("default", elide_empty=False).as_sql()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS audience_plan")
        cursor.execute(_sql(_PLAN, chosen=select), parameters)
        if connection.vendor == "sqlite":  # PostgreSQL joins it by hashing
            cursor.execute("CREATE INDEX audience_plan_recipient ON audience_plan (recipient_id)")
        cursor.execute("ANALYZE audience_plan")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE audience_plan")
        cursor.execute("DROP TABLE IF EXISTS audience_difference")


def insert(
    model: type[models.Model], columns: Sequence[str], rows: models.QuerySet[Any, Any]
) -> int:
    """INSERT … SELECT the rows of a `values_list()` queryset; return how many."""
    select, parameters = rows.query.get_compiler("default", elide_empty=False).as_sql()
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    return _execute(f"INSERT INTO {model._meta.db_table} ({names}) {select}", parameters)


def count_by_reason(judged: models.QuerySet[Any, Any]) -> dict[str, tuple[int, int]]:
    """Return how many people, and how many addresses, each reason has.

    `judged` is a `values_list()` queryset of reason, address and the number of people who have
    both. One statement: counting distinct texts with the ORM would sort them all.
    """
    select, parameters = judged.query.get_compiler("default", elide_empty=False).as_sql()
    sql = (
        f"WITH judged (reason, address, number) AS ({select}) "  # noqa: S608  # the ORM's own
        "SELECT reason, SUM(number), COUNT(*) FROM judged GROUP BY reason"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {reason: (int(people), int(keys)) for reason, people, keys in cursor.fetchall()}


def insert_planned(mailing_out: MailingOut, rotation: Sequence[int]) -> None:
    """Insert a delivery for each row of the plan; new recipients are shared over the rotation."""
    _execute(_sql(_INSERT_STANDING, rotation), [mailing_out.pk])
    _execute(_sql(_INSERT_DUPLICATES), [mailing_out.pk])


def insert_bare(mailing_out: MailingOut, people: models.QuerySet[Any]) -> int:
    """Insert a delivery for each of these recipients, for a plan to fill in; return how many."""
    ids = people.order_by().values_list("pk")
    select, parameters = ids.query.get_compiler("default", elide_empty=False).as_sql()
    return _execute(_sql(_INSERT_BARE, chosen=select), [*parameters, mailing_out.pk])


def apply_differences(
    mailing_out: MailingOut, rotation: Sequence[int], *, needs_account: bool = False
) -> None:
    """Change the rows of a draft that are not as the plan has them; no other row is written.

    A pending row gets its sticky account, else it keeps or gets one of the rotation. With
    `needs_account` who gets none is skipped (no account).
    """
    _execute(_sql(_DIFFERENCES, rotation), [mailing_out.pk])
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM audience_difference LIMIT 1")
        if cursor.fetchone() is None:
            return
    _execute("ANALYZE audience_difference")
    for statement in (_MARK_DELETED, _FREE_DIFFERING, _SETTLE_STANDING):
        _execute(_sql(statement))
    _execute(_sql(_SETTLE_DUPLICATES), [mailing_out.pk])
    _execute(_sql(_SETTLE_STICKY))
    if rotation:
        _execute(_sql(_SETTLE_SHARED, rotation), [])
    elif needs_account:
        _execute(_sql(_SKIP_WITHOUT_ACCOUNT))


def count_without_mass_contact() -> int:
    """Return how many people of the plan are to get a mail and were never written to before."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_WITHOUT_MASS_CONTACT)
        return int(cursor.fetchone()[0])


def insert_mass_contacts(mailing_out: MailingOut) -> int:
    """Insert the mass contacts that pending rows lack, tied to the row's account."""
    content_type_id = mailing_out.content_type_id
    return _execute(_sql(_INSERT_MASS_CONTACTS), [content_type_id, mailing_out.pk])


def expect_many_rows() -> None:
    """Let the rest of this transaction sort and join a million rows in memory (PostgreSQL)."""
    if connection.vendor == "postgresql":
        _execute(
            "SELECT set_config('work_mem', %s, TRUE), set_config('jit', 'off', TRUE)", [_WORK_MEM]
        )


def tell_planner(*models_: type[models.Model]) -> None:
    """Let PostgreSQL count tables that grew by many rows in this transaction.

    Until its own turn comes it would plan claims for a table without them. Two transactions that
    do this wait for each other.
    """
    if connection.vendor == "postgresql":
        for model in models_:
            _execute(f"ANALYZE {model._meta.db_table}")


def open_shares(mailing_out_id: int) -> int:
    """Let every account that has pending rows walk through the mailing out from its beginning."""
    return _execute(_sql(_INSERT_SHARES), [mailing_out_id])


def reassign(mailing_out_id: int, *, from_account: int | None, rotation: Sequence[int]) -> int:
    """Share the pending rows of an account that is off or gone over the rotation, in one UPDATE."""
    whose = "IS NULL" if from_account is None else f"= {int(from_account)}"
    turns = " ".join(f"WHEN {turn} THEN {int(pk)}" for turn, pk in enumerate(rotation))
    sql = (
        f"UPDATE {_DELIVERY} SET email_account_id = CASE id %% {len(rotation)} {turns} END "  # noqa: S608  # ids and table names
        f"WHERE mailing_out_id = %s AND status = 'pending' AND email_account_id {whose}"
    )
    return _execute(sql, [mailing_out_id])


def random_uuid() -> str:
    """Return the SQL of a new random UUID."""
    postgres = connection.vendor == "postgresql"
    return "gen_random_uuid()" if postgres else "lower(hex(randomblob(16)))"


def _execute(sql: str, parameters: Sequence[Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def _sql(statement: str, rotation: Sequence[int] = (), *, chosen: str = "") -> str:
    """Fill in the table names and what the two databases write differently."""
    postgres = connection.vendor == "postgresql"
    return statement.format(
        delivery=_DELIVERY,
        mass_contact=_MASS_CONTACT,
        account_share=_SHARE,
        uuid=random_uuid(),
        differs="IS DISTINCT FROM" if postgres else "IS NOT",
        bytewise=' COLLATE "C"' if postgres else "",  # any order will do; this one is fast
        chosen=chosen,
        share=_share(rotation),
        rotation=", ".join(str(int(pk)) for pk in rotation) or "0",  # no account has that id
    )


def _share(rotation: Sequence[int]) -> str:
    """Return the SQL that gives the row with a `turn` (from 1) its account of the rotation."""
    if not rotation:
        return "NULL"
    turns = " ".join(f"WHEN {turn} THEN {int(pk)}" for turn, pk in enumerate(rotation))
    return f"CASE (turn - 1) %% {len(rotation)} {turns} END"
