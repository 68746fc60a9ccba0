"""S1 and S3: mails built and sent by one process without a database, beside plain Django.

The comparison does by hand what a Django project does: templates compiled once, a mail of two
alternatives each, one kept smtplib connection.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.core.mail import EmailMultiAlternatives, get_connection
from django.template import Context, Engine
from django.utils import timezone

from benchmarks import servers
from benchmarks.figures import Figure, at_most, middle
from benchmarks.messages import (
    SENDER,
    comparison_headers,
    message_a,
    message_b,
    people,
    plain_templates,
)
from benchmarks.stopwatch import Spent, spent
from massmail.backends import make_transport
from massmail.backends.base import BuiltMail, Features, Stage
from massmail.models import EmailAccount
from massmail.utils.email_creators import MessageSource, Person, compile_message

ROUND_TRIP_MS = 20
CONNECTIONS = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent."""

    rounds: int
    mails: int  # by our own way in a round
    plain_mails: int  # by plain Django in a round
    large_mails: int  # B, with its attachment
    far_mails: int  # over one connection to a server far away


QUICK = Size(rounds=3, mails=20_000, plain_mails=1_000, large_mails=500, far_mails=300)
FULL = Size(rounds=5, mails=100_000, plain_mails=5_000, large_mails=2_000, far_mails=1_000)


class _Mails:
    """A source that builds a message for people, as a run does."""

    def __init__(self, source: MessageSource, to: Sequence[Person]) -> None:
        self._message = compile_message(source)
        self._people = iter(to)
        self._now = timezone.localtime()

    def next_mail(self, features: Features) -> BuiltMail | None:
        """Return the next mail."""
        person = next(self._people, None)
        if person is None:
            return None
        return self._message.build(person, SENDER, date=self._now, features=features)


class _NoWatch:
    """Nobody stops these mails."""

    def may_begin(self) -> bool:
        return True

    def waiting(self, waited_s: float, stage: Stage) -> bool:
        return True


def send_ours(
    source: MessageSource, to: Sequence[Person], port: int, *, connections: int = CONNECTIONS
) -> Spent:
    """Build and send by the engine's own parts; return what it took. Raises if a mail is lost."""
    account = EmailAccount(
        email_host="127.0.0.1", email_port=port, email_use_ssl=False, connections=connections
    )
    mails, transport = _Mails(source, to), make_transport(account)
    accepted = 0

    def work() -> None:
        nonlocal accepted
        transport.open()
        accepted = sum(outcome.accepted for outcome in transport.send(mails, _NoWatch()))
        transport.close()

    took = spent(work)
    if accepted != len(to):
        raise RuntimeError(f"{accepted} of {len(to)} mails were taken")
    return took


def send_plainly(source: MessageSource, to: Sequence[Person], port: int) -> Spent:
    """Build and send with Django's own means over one smtplib connection."""
    templates, engine = plain_templates(message_a()), Engine()
    subject, html, text = map(
        engine.from_string, (templates.subject, templates.html, templates.text)
    )
    connection = get_connection(
        "django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=port
    )

    def work() -> None:
        connection.open()
        for person in to:
            values = {**person.variables, "unsubscribe_url": person.unsubscribe_url}
            context = Context(values)
            mail = EmailMultiAlternatives(
                subject.render(Context(values, autoescape=False)),
                text.render(Context(values, autoescape=False)),
                SENDER.from_email,
                [f'"{person.name}" <{person.address}>'],
                reply_to=[SENDER.reply_to],
                headers=comparison_headers(person),
                connection=connection,
            )
            mail.attach_alternative(html.render(context), "text/html")
            for picture in source.images.values():
                mail.attach("spring.png", picture, "image/png")
            for file in source.attachments:
                mail.attach(file.name, file.data, file.content_type)
            mail.send()
        connection.close()

    return spent(work)


def build_and_send(*, full: bool) -> Iterator[Figure]:
    """S1: CPU of one process, ours beside plain Django."""
    size = FULL if full else QUICK
    to = list(people(size.mails))
    few = to[: size.plain_mails]
    with servers.sink() as port:
        cases = {
            "plain": (lambda: send_plainly(message_a(), few, port), size.plain_mails),
            "ours": (lambda: send_ours(message_a(), to, port), size.mails),
            "any": (lambda: send_ours(message_a(any_template=True), to, port), size.mails),
        }
        cpu_us = _cpu_us(cases, rounds=size.rounds)
        yield _share("A, variables alone: CPU µs a mail", cpu_us["ours"], cpu_us["plain"], 20)
        yield _share("A, any template: CPU µs a mail", cpu_us["any"], cpu_us["plain"], 10)
        large = to[: size.large_mails]
        cases = {
            "plain": (lambda: send_plainly(message_b(), large, port), size.large_mails),
            "ours": (lambda: send_ours(message_b(), large, port), size.large_mails),
        }
        cpu_us = _cpu_us(cases, rounds=size.rounds)
        yield Figure(
            "S1",
            "B, variables alone: CPU µs a mail",
            cpu_us["ours"],
            "Django + smtplib",
            cpu_us["plain"],
        )


def _cpu_us(cases: dict[str, tuple[Callable[[], Spent], int]], *, rounds: int) -> dict[str, float]:
    """Run the cases in turn, round by round; return the median CPU of a mail by case."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _round in range(rounds):
        for name, (work, mails) in cases.items():
            found[name].append(work().cpu_s / mails * 1e6)
    return {name: middle(values) for name, values in found.items()}


def _share(measured: str, ours: float, theirs: float, part: int) -> Figure:
    return Figure(
        "S1",
        measured,
        ours,
        "Django + smtplib",
        theirs,
        wanted=f"at most 1/{part}",
        met=at_most(1 / part, ours, theirs),
    )


def far_away(*, full: bool) -> Iterator[Figure]:
    """S3: mails a second to a server 20 ms away."""
    size = FULL if full else QUICK
    to = list(people(size.far_mails * CONNECTIONS))
    few = to[: size.far_mails]
    rates: dict[str, list[float]] = {"plain": [], "one": [], "ten": []}
    with servers.sink() as sink, servers.far_away(sink, round_trip_ms=ROUND_TRIP_MS) as port:
        for _round in range(size.rounds):
            rates["plain"].append(len(few) / send_plainly(message_a(), few, port).wall_s)
            rates["one"].append(len(few) / send_ours(message_a(), few, port, connections=1).wall_s)
            rates["ten"].append(len(to) / send_ours(message_a(), to, port).wall_s)
    plain, one, ten = (middle(rates[name]) for name in ("plain", "one", "ten"))
    yield Figure(
        "S3",
        "A, 20 ms round trip, one connection: mails/s",
        one,
        "smtplib",
        plain,
        wanted="at least 4 times",
        met=one >= 4 * plain,
    )
    yield Figure(
        "S3",
        "A, 20 ms round trip, ten connections: mails/s",
        ten,
        wanted="at least 300",
        met=ten >= 300,
    )
