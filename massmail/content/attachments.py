"""Which files a mail may carry: asked when one is attached, and of the whole before a start."""

import re

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from massmail.content.headers import CONTROLS

MAX_BYTES = 10 * 1024 * 1024  # of one file
MAX_SUM_BYTES = 20 * 1024 * 1024  # of all; base64 makes a third more, and servers stop near 30 MB
MAX_FILE_NAME = 200

# What runs when it is opened, or holds such a thing: mail providers refuse the mail for it.
_ENDINGS = (
    "ade adp apk app appx bat cab chm cmd com cpl diagcab dll dmg exe hta img ins iso isp jar jnlp"
    " js jse lib lnk mde mjs msc msi msix msp mst nsh pif ps1 psm1 reg scr sct sh shb sys vb vbe"
    " vbs vhd vxd wsc wsf wsh xll"
)
EXECUTABLES = frozenset(_ENDINGS.split())
_PATH_MARKS = re.compile(r"[/\\]")


def attachment_fault(name: str, size_bytes: int) -> str:
    """Return why this file cannot be attached, as a sentence; empty if it can."""
    shown = {"name": name[:80], "most": filesizeformat(MAX_BYTES)}
    if not name.strip() or len(name) > MAX_FILE_NAME or CONTROLS.search(name) or _has_path(name):
        return _("“%(name)s” cannot be the name of an attachment.") % shown
    _stem, dot, ending = name.rstrip(". ").rpartition(".")
    if dot and ending.lower() in EXECUTABLES:
        text = _(
            "“%(name)s” is a program: mail providers refuse it. Put it on a site, and write the"
            " link."
        )
        return text % shown
    if size_bytes > MAX_BYTES:
        text = _(
            "“%(name)s” is larger than %(most)s. Attach a smaller file, or write a link to it."
        )
        return text % shown
    return ""


def sum_fault(size_bytes: int) -> str:
    """Return why the attachments together are too much, as a sentence; empty if they are not."""
    if size_bytes <= MAX_SUM_BYTES:
        return ""
    text = _("The attachments have %(size)s together; a mail may carry %(most)s. Remove some.")
    return text % {"size": filesizeformat(size_bytes), "most": filesizeformat(MAX_SUM_BYTES)}


def _has_path(name: str) -> bool:
    return _PATH_MARKS.search(name) is not None
