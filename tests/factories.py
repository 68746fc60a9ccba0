"""Objects for tests: `ContactFactory.create(first_name="Zoë")` makes what it needs around it."""

import io
from collections.abc import Iterable

import factory
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from factory.django import DjangoModelFactory
from PIL import Image

from common.models import Department
from crm.models import City, Company, Contact, Country, Industry, Lead, Tag
from massmail.models import EmailAccount, EmlMessage, MailingOut, MassContact, Picture, Signature


def red_square(image_format: str = "PNG") -> bytes:
    """A picture of 2 × 2 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(buffer, image_format)
    return buffer.getvalue()


class DepartmentFactory(DjangoModelFactory[Department]):
    class Meta:
        model = Department

    name = factory.Sequence("Department {}".format)


class UserFactory(DjangoModelFactory[User]):
    """A member of staff without permissions; `departments=[…]` puts them into departments."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence("user{}".format)
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    is_staff = True

    @factory.post_generation
    def departments(user: User, create: bool, chosen: Iterable[Department] | None) -> None:  # noqa: N805  # factory-boy passes the object
        if create and chosen:
            user.groups.set(chosen)


class SuperuserFactory(UserFactory):
    is_superuser = True


class CountryFactory(DjangoModelFactory[Country]):
    class Meta:
        model = Country

    name = factory.Sequence("Country {}".format)


class CityFactory(DjangoModelFactory[City]):
    class Meta:
        model = City

    name = factory.Sequence("City {}".format)
    country = factory.SubFactory(CountryFactory)


class IndustryFactory(DjangoModelFactory[Industry]):
    class Meta:
        model = Industry

    name = factory.Sequence("Industry {}".format)


class TagFactory(DjangoModelFactory[Tag]):
    class Meta:
        model = Tag

    name = factory.Sequence("Tag {}".format)


class CompanyFactory(DjangoModelFactory[Company]):
    class Meta:
        model = Company

    owner = factory.SubFactory(UserFactory)
    full_name = factory.Sequence("Company {}".format)
    email = factory.Sequence("info@company{}.example.com".format)


class ContactFactory(DjangoModelFactory[Contact]):
    """A contact of the same owner as their company."""

    class Meta:
        model = Contact

    owner = factory.SubFactory(UserFactory)
    company = factory.SubFactory(CompanyFactory, owner=factory.SelfAttribute("..owner"))
    first_name = "Zoë"
    last_name = factory.Sequence("O'Neil {}".format)
    email = factory.Sequence("contact{}@example.com".format)


class LeadFactory(DjangoModelFactory[Lead]):
    class Meta:
        model = Lead

    owner = factory.SubFactory(UserFactory)
    first_name = "Łukasz"
    last_name = factory.Sequence("Nowak {}".format)
    company_name = factory.Sequence("Firma {}".format)
    email = factory.Sequence("lead{}@example.com".format)


class EmailAccountFactory(DjangoModelFactory[EmailAccount]):
    """A relay on this machine, without TLS, login, limit or gap."""

    class Meta:
        model = EmailAccount

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence("account {}".format)
    kind = EmailAccount.Kind.RELAY
    email_host = "127.0.0.1"
    email_port = 2525
    email_use_ssl = False
    from_email = factory.Sequence("Sales <sales{}@example.org>".format)


class MainAccountFactory(EmailAccountFactory):
    main = True


class SignatureFactory(DjangoModelFactory[Signature]):
    class Meta:
        model = Signature

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence("signature {}".format)
    content = "<p>Kind regards</p>"


class EmlMessageFactory(DjangoModelFactory[EmlMessage]):
    class Meta:
        model = EmlMessage

    owner = factory.SubFactory(UserFactory)
    subject = "News for {{ full_name }}"
    content = "<p>Dear {{ full_name }},</p><p>here are our news.</p>"


class MassContactFactory(DjangoModelFactory[MassContact]):
    """The mailing identity of `content_object`, a recipient that must be given."""

    class Meta:
        model = MassContact


class MailingOutFactory(DjangoModelFactory[MailingOut]):
    """A draft to contacts, without any: `MailingOut.objects.create_for()` makes real ones."""

    class Meta:
        model = MailingOut

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence("mailing out {}".format)
    message = factory.SubFactory(EmlMessageFactory, owner=factory.SelfAttribute("..owner"))
    content_type = factory.LazyFunction(lambda: ContentType.objects.get_for_model(Contact))


class PictureFactory(DjangoModelFactory[Picture]):
    """A red square of the gallery; `data=` are the bytes of another picture."""

    class Meta:
        model = Picture

    class Params:
        data = factory.LazyFunction(red_square)

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence("picture {}.png".format)
    file = factory.LazyAttribute(lambda picture: ContentFile(picture.data, "picture.png"))
    size_bytes = factory.LazyAttribute(lambda picture: len(picture.data))
