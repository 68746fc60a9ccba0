"""A provider of mail over HTTP, on a loopback port: as much of Postmark's API as sends a mail.

with MailProvider() as provider:
    provider.refused.add("bob@example.com")
    provider.answers.append((503, {}))      # to the next request
    ... anymail's Postmark backend with api_url=provider.url ...
    assert [mail["To"] for mail in provider.mails] == ["ann@example.com"]
"""

import http.server
import json
import threading
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any, Self

TOKEN = "server-token"


@dataclass
class MailProvider:
    """The provider; a context manager. `answers` are given before the usual ones, in order."""

    refused: set[str] = field(default_factory=set)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    port: int = 0
    _server: http.server.ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry in the settings."""
        options = {"server_token": TOKEN, "api_url": self.url, "timeout": 5}
        return {"BACKEND": "anymail.backends.postmark.EmailBackend", "OPTIONS": options}

    def accepted(self) -> list[str]:
        """Return the recipients of the mails taken so far."""
        return [parseaddr(mail["To"])[1] for mail in self.mails]

    def handle(self, token: str, mail: dict[str, Any]) -> tuple[int, Any]:
        """Return status and JSON."""
        self.requests += 1
        if self.answers:
            return self.answers.pop(0)
        if token != TOKEN:
            return 401, {"ErrorCode": 10, "Message": "Bad or missing server token."}
        recipient = parseaddr(mail["To"])[1]
        if recipient in self.refused:
            text = f"Found inactive addresses: {recipient}. Inactive recipients are ones …"
            return 422, {"ErrorCode": 406, "Message": text}
        self.mails.append(mail)
        name = f"pm-{len(self.mails)}"
        return 200, {"ErrorCode": 0, "Message": "OK", "MessageID": name, "To": mail["To"]}


class _Handler(http.server.BaseHTTPRequestHandler):
    provider: MailProvider

    def do_POST(self) -> None:
        mail = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token = self.headers.get("X-Postmark-Server-Token", "")
        status, answer = self.provider.handle(token, mail)
        if not status:
            return self.connection.close()  # breaks off, with the mail and without an answer
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_: object) -> None:
        """Say nothing."""
