"""The expected course of mailing outs: what `forecast` needs, taken from the scene or the rows."""

from collections.abc import Sequence

from massmail.models import EmailAccount, MailingOut
from massmail.services import forecast, pace
from massmail.services.account_health import Obstacle, hindrance
from massmail.services.forecast import Forecast, Pace
from massmail.services.scene import Other, Scene


def outlook(mailing_out: MailingOut, scene: Scene) -> Forecast:
    """Foresee the course of a started mailing out."""
    start_at = mailing_out.start_at
    begins = max(scene.now, start_at) if start_at else scene.now
    return forecast.foresee(paces_of(mailing_out, scene), scene.settings_row, begins)


def paces_of(mailing_out: MailingOut, scene: Scene) -> list[Pace]:
    """Return what each account still has to do. Where not all was counted, the rest is shared."""
    rows = scene.waiting.get(mailing_out.pk, [])
    uncounted = [each for each in rows if each.is_more]
    rest = mailing_out.pending_count - sum(each.pending for each in rows)
    return [
        pace_of(
            each.account,
            each.pending + (max(0, rest) // len(uncounted) if each.is_more else 0),
            scene,
            others=[
                other
                for other in scene.others.get(each.account.pk, [])
                if other.mailing_out_id != mailing_out.pk
            ],
        )
        for each in rows
    ]


def pace_of(
    account: EmailAccount, waiting: int, scene: Scene, *, others: Sequence[Other] = ()
) -> Pace:
    """Return how an account gets on with so many mails."""
    row, now = scene.settings_row, scene.now
    found = hindrance(account, row, now)
    is_limit = found is not None and found.obstacle is Obstacle.LIMIT  # the forecast counts it
    return Pace(
        waiting=waiting,
        seconds_a_mail=_seconds_a_mail(account, waiting, scene),
        per_day=account.effective_daily_limit(row),
        used_today=account.used_on(row.local_date(now)),
        spreads=pace.spreads(account, row),
        free_at=found.until if found and not is_limit else None,
        is_off=not account.massmail,
        is_movable=not account.main,
        others=tuple(other.waiting for other in others),
    )


def _seconds_a_mail(account: EmailAccount, waiting: int, scene: Scene) -> float:
    """Return how long a mail takes: a rate lowered after throttling counts if it lasts as long.

    It doubles every hour, so what takes longer is foreseen at the usual rate.
    """
    usual_s = forecast.seconds_a_mail(account, scene.settings_row)
    lowered = pace.rate(account, scene.now)
    if lowered is None or not pace.is_slowed(account, scene.now):
        return usual_s
    is_soon_done = waiting / lowered <= pace.EASES_IN.total_seconds()
    return max(usual_s, 1 / lowered) if is_soon_done else usual_s
