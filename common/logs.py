"""Log lines without the links that let a recipient act: who reads logs must not be able to."""

import logging
import re

_LINK = re.compile(r"(/unsubscribe(?:_test)?/|/reset/[^/\s\"']+/)[^/\s\"']+")


class MaskedLinks(logging.Filter):
    """Mask what follows `/unsubscribe/`, and the last part of `/reset/…/…/`, in every line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record's message if it has such a link; let every record through."""
        message = record.getMessage()
        if "/unsubscribe" in message or "/reset/" in message:
            record.msg, record.args = _LINK.sub(r"\1…", message), ()
        return True
