"""Mails built to be looked at, by the builder that sends; their unsubscribe links do nothing."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from common.ids import id_in
from common.models import OwnedQuerySet
from massmail.errors import MassmailError
from massmail.forms.problems import in_words
from massmail.models import (
    Delivery,
    EmailAccount,
    EmlMessage,
    MailingOut,
    Recipient,
    recipient_models,
)
from massmail.services import render, versions
from massmail.utils.email_creators import (
    CompiledMessage,
    MessageError,
    MessageSource,
    Person,
    Rendered,
    Sender,
    compile_message,
)

FOUND_OF_A_TYPE = 8  # people
MOST_WORDS = 5  # of a search; the others are not asked for


@dataclass(frozen=True, slots=True)
class Sample:
    """A compiled message with its source, to show mails of."""

    source: MessageSource
    message: CompiledMessage

    def render(self, person: Person, *, sender_name: str = "") -> Rendered:
        """Return the mail of one person. Raises BuildError."""
        return self.message.render(person, sender_name=sender_name)

    def bytes_of(self, person: Person) -> int:
        """Return how large the mail of one person is, from nobody in particular."""
        sender = Sender("nobody@example.com", list_id=render.site_domain())
        return len(self.message.build(person, sender, date=timezone.localtime()).message)

    def headers(self, person: Person, account: EmailAccount, mailing_out: MailingOut) -> str:
        """Return the header lines of the mail as it leaves from this account."""
        sender = render.sender_of(account, mailing_out)
        mail = self.message.build(person, sender, date=timezone.localtime())
        return (
            mail.message.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")
        )

    def size_bytes(self, person: Person, account: EmailAccount, mailing_out: MailingOut) -> int:
        """Return how large the mail of one person is."""
        sender = render.sender_of(account, mailing_out)
        return len(self.message.build(person, sender, date=timezone.localtime()).message)


def sample_of_message(message: EmlMessage, *, links_pictures: bool = False) -> Sample:
    """Return a message as it is now. Raises MassmailError with what is wrong with it."""
    source = versions.source_of(message, links_pictures=links_pictures)
    return Sample(source, compile_message(source))


def sample_of_mailing_out(mailing_out: MailingOut) -> Sample | None:
    """Return what a mailing out sends, frozen or not yet; None without a message."""
    version = mailing_out.message_version
    if version is not None:
        return Sample(versions.frozen_source(version), versions.compiled(version.pk))
    if mailing_out.message is None:
        return None
    return sample_of_message(mailing_out.message, links_pictures=mailing_out.links_pictures)


def sample_of_delivery(delivery: Delivery, mailing_out: MailingOut) -> Sample | None:
    """Return what one delivery was built from: a mailing out may exchange its message."""
    version = delivery.message_version
    if version is None and delivery.message_id:  # claimed before the first exchange
        version = mailing_out.first_version
    if version is None:
        return sample_of_mailing_out(mailing_out)
    return Sample(versions.frozen_source(version), versions.compiled(version.pk))


def person_of_delivery(delivery: Delivery, mailing_out: MailingOut) -> Person | None:
    """Return to whom a delivery goes, at the address of that time; None if deleted since."""
    model = mailing_out.recipient_model
    people = model._default_manager.select_related(*model.RELATED)
    recipient = people.filter(pk=delivery.recipient_id).first()
    if recipient is None:
        return None
    person = render.sample_person(recipient)
    return replace(
        person,
        address=delivery.address or person.address,
        message_id=delivery.message_id or person.message_id,
    )


def person_for(user: User, variables: frozenset[str] = frozenset(), *, chosen: str = "") -> Person:
    """Return the chosen person, else one of the type that has most of these variables.

    `chosen` is a value of `people_found()`. The user may see them; where there is nobody, it is
    the user.
    """
    recipient = _chosen(user, chosen) or _best_fit(user, variables)
    if recipient is not None:
        return render.sample_person(recipient)
    return Person(
        address=user.email or "nobody@example.com",
        name=user.get_full_name(),
        variables={},
        unsubscribe_url=render.test_unsubscribe_url(),
        message_id=f"<preview@{render.site_domain()}>",
    )


def people_found(user: User, text: str) -> list[tuple[str, Recipient]]:
    """Return people whom the user may see by name or address, each with a value that names them.

    One statement for each type of recipient.
    """
    found: list[tuple[str, Recipient]] = []
    for model in recipient_models():
        matches = Q()
        for word in text.split()[:MOST_WORDS]:
            fields = (f"{name}__icontains" for name in ("email", *model.SEARCH_FIELDS))
            matches &= reduce(or_, (Q(**{field: word}) for field in fields))
        people = _people_of(user, model).filter(matches).order_by("pk")[:FOUND_OF_A_TYPE]
        found += [(f"{model._meta.label_lower}:{person.pk}", person) for person in people]
    return found


def people_for(user: User, message: EmlMessage) -> list[tuple[str, str]]:
    """Return a few people as whom a message can be tested: what names each, and their name.

    They are of the type that has most of its variables; nobody, if it cannot be read.
    """
    try:
        variables = compile_message(versions.source_of(message)).variables
    except MassmailError:
        variables = frozenset()
    for model in _by_fit(variables):
        if people := list(_people_of(user, model).order_by("pk")[:FOUND_OF_A_TYPE]):
            return [(f"{model._meta.label_lower}:{each.pk}", each.display_name) for each in people]
    return []


def signs_as(owner: User) -> str:
    """Return the sender's name in a preview: that of the owner's first account."""
    account = EmailAccount.objects.usable_by(owner).order_by("main", "pk").first()
    return render.sender_name(account, lambda: owner)


def _chosen(user: User, chosen: str) -> Recipient | None:
    label, _colon, pk = chosen.rpartition(":")
    model = next((each for each in recipient_models() if each._meta.label_lower == label), None)
    if model is None or (number := id_in(pk)) is None:
        return None
    return _people_of(user, model).filter(pk=number).first()


def _best_fit(user: User, variables: frozenset[str]) -> Recipient | None:
    for model in _by_fit(variables):
        if recipient := _people_of(user, model).order_by("pk").first():
            return recipient
    return None


def _by_fit(variables: frozenset[str]) -> list[type[Recipient]]:
    """Return the types of recipients, those first that have most of these variables."""
    return sorted(recipient_models(), key=lambda model: -len(variables & set(model.VARIABLES)))


def _people_of(user: User, model: type[Recipient]) -> QuerySet[Recipient]:
    """Return the people of a type whom the user may see: none without the permission."""
    people = model._default_manager.get_queryset().select_related(*model.RELATED)
    if not user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"):
        return people.none()
    return people.visible_to(user) if isinstance(people, OwnedQuerySet) else people


def sentences(error: MassmailError) -> list[str]:
    """Return what an error says, one sentence for each problem, with its line."""
    if isinstance(error, MessageError):
        return [in_words(problem) for problem in error.problems]
    return [str(error)]
