"""The root of this app's errors; an error of one topic lives with it and derives from here."""


class MassmailError(Exception):
    """Anything that this app refuses or cannot do; its text is a sentence for the user."""


class IllegalTransition(MassmailError):
    """The mailing out is not in a state from which this step leads anywhere."""


class SendTestRefused(MassmailError):
    """A test mail did not leave, or was not taken; the text says why and what to do."""

    def __init__(self, text: str, reply: str = "") -> None:
        """Keep the server's own words apart."""
        self.reply = reply
        super().__init__(text)


class StartRefused(MassmailError):
    """The mailing out cannot start; the text says what is missing."""
