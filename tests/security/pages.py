"""What each address is for: which right it asks, of which object, and which methods it has.

An address that is not here fails `test_permissions`: whoever adds one says here who may use it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin

from tests.security.addresses import NAMELESS, Address

GET = frozenset({"GET"})
POST = frozenset({"POST"})
BOTH = GET | POST


@dataclass(frozen=True, slots=True)
class Page:
    """`needs` are (model, action) pairs, the first of them of the object that the address names.

    An empty `needs` is for every member of staff; `public` for everybody.
    """

    methods: frozenset[str]
    needs: tuple[tuple[str, str], ...] = ()
    object: str = ""  # the model of the address's argument, if it has an owner
    public: bool = False
    reads: bool = False  # a POST is answered like a GET
    superuser: bool = False
    lacks: bool = False  # there may be nothing to show: 404
    forbidden: bool = False  # to everybody
    missing: bool = False  # answers 404 to all who may ask

    def first(self) -> tuple[str, str]:
        return self.needs[0] if self.needs else ("", "")


def _on(model: str, action: str, methods: frozenset[str], *more: tuple[str, str]) -> Page:
    return Page(methods, ((model, action), *more), object=model)


MAILING_OUT_ACTS = (
    *("start", "pause", "resume", "cancel", "message", "count_as_sent", "send_again"),
    *("use_new_version", "check", "leave_out", "put_back", "leave_out_found"),
)
PEOPLE = ("company", "contact", "lead", "guest")

PAGES: dict[str, Page] = {
    "root": Page(BOTH, public=True),
    "set_language": Page(POST, public=True),
    "unsubscribe": Page(BOTH, public=True),
    "unsubscribe_test": Page(BOTH, public=True),
    "mailbox": Page(GET, missing=True),  # there is none in the tests
    "mailbox_mail": Page(GET, missing=True),
    "mailbox_html": Page(GET, missing=True),
    "admin:index": Page(BOTH),
    "admin:login": Page(BOTH, public=True),
    "admin:logout": Page(POST, public=True),
    "admin:password_change": Page(BOTH),
    "admin:password_change_done": Page(GET),
    "admin:autocomplete": Page(GET, (("contact", "view"), ("city", "view"))),
    "admin:jsi18n": Page(GET),
    "admin:view_on_site": Page(BOTH, missing=True),
    "admin:app_list": Page(BOTH, superuser=True),
    "admin:catch-all": Page(BOTH, missing=True),
    **{f"mailing_out_{act}": _on("mailingout", "change", POST) for act in MAILING_OUT_ACTS},
    **{
        f"mailing_out_{act}": _on("mailingout", "change", BOTH)
        for act in ("add_people", "leave_out_people")
    },
    **{
        f"mailing_out_{act}_count": _on("mailingout", "change", GET)
        for act in ("add_people", "leave_out_people")
    },
    **{
        f"mailing_out_{act}": _on("mailingout", "view", POST, ("mailingout", "add"))
        for act in ("to_these", "copy")
    },
    **{
        f"mailing_out_{page}": _on("mailingout", "view", GET)
        for page in ("chart", "numbers", "check_state", "people_export")
    },
    "mailing_out_found": Page(GET, (("mailingout", "view"),), object="mailingout", lacks=True),
    "exclude_recipients": _on("mailingout", "change", POST),
    "send_failed_recipients": _on("mailingout", "change", POST),
    "mailing_out_progress": _on("mailingout", "view", GET),
    "mailing_out_people": _on("mailingout", "view", GET),
    "successful_ids": _on("mailingout", "view", GET),
    "failed_ids": _on("mailingout", "view", GET),
    "delivery": _on("mailingout", "view", GET),
    "delivery_mail": _on("mailingout", "view", GET),
    "message_preview": _on("emlmessage", "view", GET),
    "signature_preview": _on("signature", "view", GET),
    "reload_field": _on("signature", "view", GET),
    "copy_message": _on("emlmessage", "view", POST, ("emlmessage", "add")),
    "send_test": _on("emlmessage", "view", POST, ("emlmessage", "change")),
    "message_draft_preview": Page(POST, (("emlmessage", "add"),)),
    "signature_draft_preview": Page(POST, (("signature", "add"),)),
    "sample_people": Page(GET),  # of the people whom one may see
    **{
        name: _on("emailaccount", "change", POST)
        for name in (
            *("account_switch_on", "account_switch_off", "account_test_connection"),
            *("request_authorization_code", "email_account_disconnect"),
        )
    },
    "get_refresh_token": Page(GET),  # without a state that it gave out it only says so
    # the admin's pages of pictures lead to the gallery, which asks
    **{f"admin:massmail_picture_{page}": Page(BOTH) for page in ("changelist", "add", "change")},
    "admin:massmail_picture_delete": Page(BOTH, forbidden=True),
    "pic_upload": Page(BOTH, (("picture", "add"),)),
    "show_uploaded_images": Page(GET, (("picture", "view"),)),
    "picture_file": _on("picture", "view", GET),
    "picture_thumbnail": _on("picture", "view", GET),
    "picture_rename": _on("picture", "change", POST),
    "picture_delete": _on("picture", "delete", POST),
    "linked_picture": Page(GET, public=True),
    "pause_all_sending": Page(POST, superuser=True),
    "resume_all_sending": Page(POST, superuser=True),
    "profile": Page(BOTH),
    "admin_password_reset": Page(BOTH, public=True),
    "password_reset_done": Page(GET, public=True),
    "password_reset_confirm": Page(BOTH, public=True),
    "password_reset_complete": Page(GET, public=True),
    "select_recipient_type": Page(BOTH, (("mailingout", "add"),)),
    **{
        f"{model}_make_massmail": Page(BOTH, (("mailingout", "add"), (model, "view")))
        for model in PEOPLE
    },
    **{
        f"{model}_count_massmail": Page(GET, (("mailingout", "add"), (model, "view")))
        for model in PEOPLE
    },
    **{
        f"got_{word}_massmails": _on(model, "view", GET)
        for model, word in zip(PEOPLE, ("company", "contacts", "leads", "guest"), strict=True)
    },
}

# What the admin offers to nobody.
NOT_OFFERED = {
    ("massmailsettings", "add"),
    ("massmailsettings", "delete"),
    *(("emlaccountsqueue", action) for action in ("add", "change", "delete")),
    ("suppression", "change"),  # lifted with a note, never edited
    ("masscontact", "add"),
    ("masscontact", "delete"),
    ("mailingout", "delete"),  # ours are started: their ledger stays
}
OWNED = {
    *("company", "contact", "lead", "emailaccount", "emlmessage", "mailingout", "signature"),
    *("picture", "guest"),
}


def page_of(address: Address) -> Page | None:
    """Return what an address is for; None for one that nobody described."""
    if address.name in PAGES:
        return PAGES[address.name]
    return dict(_admin_pages()).get(address.name)


def _admin_pages() -> Iterator[tuple[str, Page]]:
    for model in admin.site._registry:
        name, label = model._meta.model_name or "", f"admin:{model._meta.app_label}_"
        owned = name if name in OWNED else ""
        yield f"{label}{name}_changelist", Page(BOTH, ((name, "view"),), reads=True)
        yield f"{label}{name}_add", Page(BOTH, ((name, "add"),))
        yield f"{label}{name}_change", Page(BOTH, ((name, "view"),), object=owned)
        yield f"{label}{name}_history", Page(BOTH, ((name, "view"),), object=owned, reads=True)
        yield f"{label}{name}_delete", Page(BOTH, ((name, "delete"),), object=owned)
        route = f"admin/{model._meta.app_label}/{name}/<path:object_id>/"
        yield f"admin:{route} {NAMELESS}", Page(BOTH)
    yield "admin:auth_user_password_change", Page(BOTH, (("user", "change"),))
