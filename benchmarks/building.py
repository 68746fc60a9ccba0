"""What building one mail costs, by stage: `python -m benchmarks.building`, with an `.env`.

Microseconds of processor time a mail: median and best of interleaved rounds. No database, no
network, nothing sent.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import django
from django.core.mail import EmailMultiAlternatives
from django.template import Context, Engine
from django.utils import timezone

from benchmarks.messages import (
    SENDER,
    comparison_headers,
    message_a,
    message_b,
    people,
    plain_templates,
)
from massmail.backends.base import Features
from massmail.content import headers
from massmail.content.body import BodyPart
from massmail.utils.email_creators import (
    CompiledMessage,
    MessageSource,
    Person,
    compile_message,
)

ROUNDS = 9
PEOPLE = 1_000
SETTINGS = "crm_project.settings"

OneMail = Callable[[Person], object]


@dataclass(frozen=True, slots=True)
class Stage:
    """A piece of work that is done for each person."""

    name: str
    work: OneMail


def main() -> None:
    """Measure everything and print the table."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    django.setup()
    chosen = list(people(PEOPLE))
    stages = [*_whole_mails(), *_stages()]
    found: dict[str, list[float]] = {stage.name: [] for stage in stages}
    for _round in range(ROUNDS):
        for stage in stages:
            found[stage.name].append(_microseconds(stage.work, chosen))
    sys.stdout.write(f"{'µs a mail':<50}{'median':>9}{'best':>9}\n")
    for name, times in found.items():
        sys.stdout.write(f"{name:<50}{statistics.median(times):9.1f}{min(times):9.1f}\n")


def _microseconds(work: OneMail, chosen: list[Person]) -> float:
    begin_s = time.process_time()
    for person in chosen:
        work(person)
    return (time.process_time() - begin_s) / len(chosen) * 1e6


def _whole_mails() -> Iterator[Stage]:
    plain, any_template = message_a(), message_a(any_template=True)
    eight_bit, none = Features(eight_bit=True), Features()
    yield Stage("A, plain variables", _building(plain, none))
    yield Stage("A, any template, 8BITMIME", _building(any_template, eight_bit))
    yield Stage("A, any template, quoted-printable", _building(any_template, none))
    yield Stage("B, plain variables", _building(message_b(), none))
    yield Stage("B, any template, 8BITMIME", _building(message_b(any_template=True), eight_bit))
    yield Stage("A by Django's EmailMultiAlternatives", _by_django(plain))


def _building(source: MessageSource, features: Features) -> OneMail:
    message, now = compile_message(source), timezone.localtime()
    return lambda person: message.build(person, SENDER, date=now, features=features)


def _by_django(source: MessageSource) -> OneMail:
    """Return how a mail is built by Django alone, its templates compiled once."""
    templates, engine = plain_templates(source), Engine()
    subject, html, text = map(
        engine.from_string, (templates.subject, templates.html, templates.text)
    )

    def build(person: Person) -> bytes:
        context = Context({**person.variables, "unsubscribe_url": person.unsubscribe_url})
        mail = EmailMultiAlternatives(
            subject.render(context),
            text.render(context),
            SENDER.from_email,
            [f'"{person.name}" <{person.address}>'],
            headers=comparison_headers(person),
        )
        mail.attach_alternative(html.render(context), "text/html")
        return mail.message().as_bytes()

    return build


def _stages() -> Iterator[Stage]:
    """Yield what `CompiledMessage.build` does, piece by piece."""
    plain = compile_message(message_a())
    yield Stage("  values", lambda person: plain._values(person, SENDER.name))
    yield Stage("  headers", _headers)
    for name, message in (
        ("plain variables", plain),
        ("any template", compile_message(message_a(any_template=True))),
    ):
        yield Stage(f"  subject, {name}", _subject(message))
        for part in (message.text, message.html):
            yield Stage(f"  {part.subtype}, {name}, rendered", _rendered(message, part))
            yield Stage(f"  {part.subtype}, {name}, written", _written(message, part))


def _headers(person: Person) -> object:
    recipient = headers.wire_or_refuse(person.address)
    return (
        headers.address_header("To", headers.one_line(person.name), recipient),
        headers.message_id_header(person.message_id),
        headers.unsubscribe_headers(person.unsubscribe_url),
    )


def _subject(message: CompiledMessage) -> OneMail:
    def build(person: Person) -> bytes:
        values = message._values(person, SENDER.name)
        return headers.text_header("Subject", headers.one_line(message.subject.fill(values)))

    return build


def _rendered(message: CompiledMessage, part: BodyPart) -> OneMail:
    return lambda person: part.render(message._values(person, SENDER.name))


def _written(message: CompiledMessage, part: BodyPart) -> OneMail:
    def build(person: Person) -> object:
        return part.write(message._values(person, SENDER.name), {}, may_be_eight_bit=True)

    return build


if __name__ == "__main__":
    main()
