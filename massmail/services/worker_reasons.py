"""What the parts of the engine have to do with it: which of them is silent, which does not fit.

A tick comes from the beat through the broker to the control worker. Each of the three says by
itself that it lives, so a missing tick tells which of them to look at.
"""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from common.fields import key_fingerprint
from massmail.models import Heartbeat
from massmail.services import heartbeat
from massmail.services.blocker import Blocker, moment
from massmail.services.scene import Scene

KEY, VERSION, CLOCK = "worker_key", "worker_version", "worker_clock"

_Role = Heartbeat.Role


def silent_parts(
    scene: Scene, *, needs_deliveries: bool, since: datetime | None
) -> Iterator[Blocker]:
    """Yield the part whose silence keeps mails from leaving; at most one.

    The worker for deliveries is missed only where mails could leave, and only if they could for
    some time: `since` is when the mailing out began.
    """
    is_new = since is not None and since > scene.now - heartbeat.STALE_AFTER
    if not _is_alive(scene, _Role.TICK):
        yield _missing_tick(scene)
    elif needs_deliveries and not is_new and not _is_alive(scene, _Role.DELIVERIES):
        text = _("No worker for deliveries has reported. Start one: ./run worker deliveries.")
        yield Blocker("no_deliveries_worker", text)


def misfits(scene: Scene) -> Iterator[Blocker]:
    """Yield the live workers whose key, version or clock is not like ours."""
    hosts_with_wrong_clock = set()
    for each in scene.heartbeats:
        if each.seen_at < scene.now - heartbeat.STALE_AFTER or each.role == _Role.TICK:
            continue  # a tick is written by the control worker, which says the same
        facts = {"host": each.host, "part": _Role(each.role).label}
        if each.role == _Role.DELIVERIES and each.key_fingerprint != key_fingerprint():
            text = _(
                "The worker on %(host)s has another encryption key: it cannot log in to any"
                " account. Give it the same FIELD_ENCRYPTION_KEYS."
            )
            yield Blocker(KEY, text % facts)
        if each.version != settings.VERSION:
            facts |= {"version": each.version, "ours": settings.VERSION}
            text = _(
                "The %(part)s on %(host)s runs version %(version)s, this site %(ours)s."
                " Restart the older one with the new version."
            )
            yield Blocker(VERSION, text % facts)
        is_right = heartbeat.is_clock_right(each.clock_offset_s)
        if not is_right and each.host not in hosts_with_wrong_clock:
            hosts_with_wrong_clock.add(each.host)
            facts["offset"] = f"{each.clock_offset_s:+.0f}"
            text = _("The clock of %(host)s is wrong by %(offset)s s. Set it.")
            yield Blocker(CLOCK, text % facts)


def _is_alive(scene: Scene, role: Heartbeat.Role) -> bool:
    seen = scene.last_seen(role)
    return seen is not None and seen >= scene.now - heartbeat.STALE_AFTER


def _missing_tick(scene: Scene) -> Blocker:
    seen = scene.last_seen(_Role.CONTROL) or scene.last_seen(_Role.TICK)
    if seen is None:
        return Blocker("no_worker", _("No worker has reported yet. Start worker and beat."))
    if not _is_alive(scene, _Role.CONTROL):
        text = _("No worker has reported since %(when)s. Start it: ./run worker.")
        return Blocker("no_worker", text % {"when": moment(seen)})
    if not _is_alive(scene, _Role.BEAT):
        return Blocker(
            "no_beat", _("The beat is silent: nothing is set going. Start it: ./run beat.")
        )
    return Blocker(
        "no_tick",
        _(
            "Beat and workers run, but nothing gets from one to the other: the broker is down, or"
            " the control worker hangs. Ask an operator."
        ),
    )
