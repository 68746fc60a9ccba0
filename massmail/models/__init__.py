"""The words of the system as tables; one file a model, its QuerySet above it."""

from massmail.models.address_trouble import AddressTrouble
from massmail.models.audience_check import AudienceCheck
from massmail.models.cooling_domain import CoolingDomain
from massmail.models.delivery import (
    AccountShare,
    ChosenRecipient,
    Delivery,
    DeliveryAttempt,
    FailReason,
    SkipReason,
)
from massmail.models.email_account import EmailAccount
from massmail.models.email_message import EmlMessage
from massmail.models.eml_accounts_queue import EmlAccountsQueue
from massmail.models.heartbeat import Heartbeat
from massmail.models.mailing_out import MailingOut
from massmail.models.mass_contact import MassContact
from massmail.models.massmail_settings import MassmailSettings
from massmail.models.message_version import MessageVersion, VersionFile
from massmail.models.picture import Picture
from massmail.models.recipient import (
    Recipient,
    RecipientFilter,
    known_variables,
    people_visible_to,
    recipient_models,
)
from massmail.models.signature import Signature
from massmail.models.suppression import OptOut, OptOutRecipient, Suppression

__all__ = [
    "AccountShare",
    "AddressTrouble",
    "AudienceCheck",
    "ChosenRecipient",
    "CoolingDomain",
    "Delivery",
    "DeliveryAttempt",
    "EmailAccount",
    "EmlAccountsQueue",
    "EmlMessage",
    "FailReason",
    "Heartbeat",
    "MailingOut",
    "MassContact",
    "MassmailSettings",
    "MessageVersion",
    "OptOut",
    "OptOutRecipient",
    "Picture",
    "Recipient",
    "RecipientFilter",
    "Signature",
    "SkipReason",
    "Suppression",
    "VersionFile",
    "known_variables",
    "people_visible_to",
    "recipient_models",
]
