"""Plays server and owner of a session without sockets: what is written is answered at once."""

from massmail.backends.base import BuiltMail, Fault, Stage
from massmail.backends.smtp_session import SmtpSession

BODY = b"Subject: Hi\r\n\r\n.Hi\r\n"
REFUSED = b"503 5.5.1 Bad sequence\r\n"


def mail_to(name: str) -> BuiltMail:
    """Return a mail whose sender tells the recipient, so that MAIL can be answered for it."""
    return BuiltMail(f"{name}@from.example", f"{name}@to.example", f"<{name}>", BODY)


class Talk:
    """Sends mails over a session to a server that answers as told.

    `answers` maps (stage, name) to bytes, or to a fault with which the connection ends there; all
    else is taken. Stage `body` is half of the body written, `lone dot` a dot after a refusal.
    Replies arrive in pieces whose sizes `cut` gives.
    """

    def __init__(
        self, names, answers=None, *, pipelined, cut=lambda: 100_000, watch=lambda _: True
    ):
        self.session = SmtpSession({"SIZE": ""}, pipelined=pipelined)
        self.mails = [mail_to(name) for name in names]
        self.answers = answers or {}
        self.cut = cut
        self.watch = watch  # whether the body of a name may begin
        self.taken = []  # names of the mails that the server took
        self.commands = []
        self.unread = b""
        self.sender = self.recipient = ""
        self.in_body = False

    def run(self):
        """Send all mails; return (name, stage, code or fault) of each outcome."""
        session = self.session
        while not session.has_ended:
            if session.has_go_ahead:
                self._send_body()
            elif session.is_idle and self.mails:
                session.begin(self.mails.pop(0))
            elif session.is_idle:
                break
            else:
                assert session.outgoing, f"waits for nothing at {session.stage}"
                self._exchange()
        return [
            (name_of(outcome.mail), outcome.stage, outcome.fault or code_of(outcome.reply))
            for outcome in session.outcomes
        ]

    @property
    def not_begun(self):
        return [name_of(mail) for mail in [*self.session.not_begun, *self.mails]]

    def _send_body(self):
        if not self.watch(self.sender):
            self.session.stop()
            return
        ahead = self.session.pipelined and self.mails
        self.session.send_body(self.mails.pop(0) if ahead else None)
        if ("body", self.sender) in self.answers:
            self.session.wrote(10)
            assert self.session.stage is Stage.BODY
            self._say(self.answers["body", self.sender])

    def _exchange(self):
        written = b"".join(self.session.outgoing)
        self.session.wrote(len(written))
        self.unread += written
        said = b""
        while b"\r\n" in self.unread and (b"\r\n.\r\n" in self.unread or not self.in_body):
            answer = self._read()
            if isinstance(answer, Fault) or not answer.endswith(b"\r\n"):
                self._say(said)
                self._say(answer)
                return
            said += answer
        self._say(said)

    def _say(self, said):
        if isinstance(said, Fault):
            self.session.closed(said)
            return
        while said:
            size = self.cut()
            self.session.received(said[:size])
            said = said[size:]

    def _read(self):
        """Take one command, or a body, and return the answer."""
        if self.in_body:
            body, _, self.unread = self.unread.partition(b"\r\n.\r\n")
            assert body == b"Subject: Hi\r\n\r\n..Hi"
            self.in_body = False
            return self._answer_body()
        line, _, self.unread = self.unread.partition(b"\r\n")
        self.commands.append(line.decode())
        verb = line.split()[0]
        handler = {b"MAIL": self._mail, b"RCPT": self._rcpt, b"DATA": self._data}
        return handler.get(verb, self._other)(line.decode())

    def _other(self, line):
        self.sender = self.recipient = ""
        return self.answers.get((line.lower() if line != "." else "lone dot", ""), b"250 Ok\r\n")

    def _mail(self, line):
        self.sender, self.recipient = line[len("MAIL FROM:<") :].partition("@")[0], ""
        answer = self.answers.get(("mail", self.sender), b"250 Ok\r\n")
        if not _goes_on(answer):
            self.sender = ""
        return answer

    def _rcpt(self, line):
        if not self.sender:
            return REFUSED
        answer = self.answers.get(("rcpt", self.sender), b"250 Ok\r\n")
        self.recipient = self.sender if _goes_on(answer) else ""
        return answer

    def _data(self, line):
        if not self.recipient:
            return self.answers.get(("data without recipient", ""), REFUSED)
        answer = self.answers.get(("data", self.recipient), b"354 Go\r\n")
        self.in_body = _goes_on(answer)
        return answer

    def _answer_body(self):
        name, self.sender, self.recipient = self.recipient, "", ""
        answer = self.answers.get(("dot", name), b"250 Ok\r\n")
        if _goes_on(answer) and answer[:1] == b"2":
            self.taken.append(name)
        return answer


def name_of(mail):
    return mail.recipient.partition("@")[0]


def code_of(reply):
    return reply and reply.code


def _goes_on(answer):
    return not isinstance(answer, Fault) and answer[:1] in b"23"
