"""The message of a mailing out on its page: what it is, how large, what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from massmail.errors import MassmailError
from massmail.forms.problems import in_words
from massmail.models import EmailAccount, MailingOut, known_variables
from massmail.services import versions
from massmail.utils.email_creators import (
    KNOWN_SYSTEM_VARIABLES,
    BuildError,
    CompiledMessage,
    MessageSource,
)
from massmail.views.people import PersonRow
from massmail.views.samples import (
    Sample,
    person_of_delivery,
    sample_of_mailing_out,
    sentences,
)


@dataclass(frozen=True, slots=True)
class MessageCard:
    """A message; `problems` forbid sending it, `variables` are the names that it uses.

    `size_bytes` is what one mail weighs as it leaves, linked pictures aside.
    """

    subject: str = ""
    source: MessageSource | None = None
    size_bytes: int = 0
    problems: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()
    compiled: CompiledMessage | None = None  # None: it does not compile

    @property
    def pictures_number(self) -> int:
        """How many pictures it shows."""
        return len(self.source.images) if self.source else 0

    @property
    def links_pictures(self) -> bool:
        """Whether they are loaded from our site when the mail is read."""
        return self.source is not None and bool(self.source.image_urls)

    @property
    def pictures_bytes(self) -> int:
        """What the pictures weigh together."""
        return sum(len(data) for data in self.source.images.values()) if self.source else 0

    @property
    def attachment_names(self) -> list[str]:
        """The names of its attachments."""
        return [each.name for each in self.source.attachments] if self.source else []


def message_card(mailing_out: MailingOut, people: Sequence[PersonRow]) -> MessageCard:
    """Build the message once for the first of these people, and describe it."""
    if mailing_out.message is None:
        return MessageCard()
    version = mailing_out.message_version
    subject = version.subject if version else mailing_out.message.subject
    try:
        sample = sample_of_mailing_out(mailing_out)
        assert sample is not None
        size_bytes = _size(sample, mailing_out, people)
        problems = () if version else _problems(sample, mailing_out)
    except MassmailError as error:
        return MessageCard(subject=subject, problems=tuple(sentences(error)))
    compiled = sample.message
    return MessageCard(subject, sample.source, size_bytes, problems, compiled.variables, compiled)


def _size(sample: Sample, mailing_out: MailingOut, people: Sequence[PersonRow]) -> int:
    """Return the size of the first person's mail; 0 where that cannot be told."""
    account = EmailAccount.objects.usable_by(mailing_out.owner).order_by("main", "pk").first()
    person = person_of_delivery(people[0].delivery, mailing_out) if people else None
    if account is None or person is None:
        return 0
    try:
        return sample.size_bytes(person, account, mailing_out)
    except BuildError:  # of this one person: the check of everybody names them
        return 0


def _problems(sample: Sample, mailing_out: MailingOut) -> tuple[str, ...]:
    """Return what is wrong with a draft's message, for people of this type."""
    assert mailing_out.message is not None
    found = [in_words(problem) for problem in versions.problems_of(mailing_out.message)]
    offered = {*mailing_out.recipient_model.variable_labels(), *KNOWN_SYSTEM_VARIABLES}
    lacking = sorted((sample.message.variables - offered) & known_variables())
    plural = mailing_out.recipient_model._meta.verbose_name_plural
    for name in lacking:
        text = _("The message uses “%(name)s”, which %(people)s do not have.")
        found.append(text % {"name": name, "people": plural})
    return tuple(found)
