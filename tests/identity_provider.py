"""An identity provider on a loopback port: a real HTTP server that keeps to OAuth2, or breaks it.

    with IdentityProvider() as provider:
        provider.signed_in_as = "ann@example.org"
        location = provider.consent(url)      # the browser's way: where it is sent back to
        provider.answer("/token", 503)        # from now on; `times=1` for once
        provider.end("ann@example.org")       # she withdraws her permission

It checks what a real one checks: client, exact redirect address, PKCE (S256), codes for one use,
and refresh tokens, which it exchanges for others (`rotates`): an old one is worth nothing then.
"""

import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "massmail-client", "massmail-secret"
MAIL_SCOPE = "https://mail.example.com/send"

Answer = tuple[int, Any]


@dataclass(slots=True)
class Code:
    """What an authorization code stands for."""

    login: str
    redirect_uri: str
    challenge: str


@dataclass(slots=True)
class Script:
    """What to answer at a path instead of the usual; `times` counts down, None is for ever."""

    status: int
    body: str | bytes
    headers: dict[str, str]
    times: int | None


@dataclass
class IdentityProvider:
    """The provider; a context manager."""

    signed_in_as: str = "ann@example.org"
    denies: str = ""  # the error to send the browser back with
    rotates: bool = False
    tells_identity: bool = True
    names_itself: bool = True  # `iss` in the answer to the browser
    expires_in_s: float | str | None = 3600
    scope: str = f"openid {MAIL_SCOPE}"
    claims: dict[str, Any] = field(default_factory=dict)  # of the ID token, over the usual ones
    gives_refresh_token: bool = True
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    access_tokens: dict[str, str] = field(default_factory=dict)  # token: login
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    while_asked: Callable[[], object] = lambda: None  # called before each answer to /token
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
        self.close()

    def close(self) -> None:
        """Stop listening: from now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is; also the name by which it goes."""
        return f"http://127.0.0.1:{self.port}"

    def entry(self, **values: object) -> dict[str, object]:
        """Return its entry for the table of the settings."""
        return {
            "name": "Testid",
            "authorization_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "revocation_url": f"{self.url}/revoke",
            "issuer": self.url,
            "mail_scope": MAIL_SCOPE,
            "other_scopes": ("openid",),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **values,
        }

    def consent(self, url: str) -> str:
        """Do what a browser does whose user agrees; return the address it is sent back to."""
        asked = urlsplit(url)
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        ) as connection:
            connection.request("GET", f"{asked.path}?{asked.query}")
            response = connection.getresponse()
            body, location = response.read(), response.headers["Location"]
        assert response.status == 302, body
        return str(location)

    def answer(
        self, path: str, status: int, body: object = "", *, times: int | None = None, **headers: str
    ) -> None:
        """Answer so at a path from now on; a body that is no text is sent as JSON."""
        content = body if isinstance(body, (str, bytes)) else json.dumps(body)
        self.scripts[path] = Script(status, content, headers, times)

    def end(self, login: str) -> None:
        """Forget every token of a login, as when its owner withdraws the permission."""
        for tokens in (self.access_tokens, self.refresh_tokens):
            for token in [token for token, owner in tokens.items() if owner == login]:
                del tokens[token]

    def accepts(self, login: str, token: str) -> bool:
        """Tell whether a mail server lets this login in with this access token."""
        return self.access_tokens.get(token) == login

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the fields of the requests at a path."""
        return [fields for asked_path, fields in self.requests if asked_path == path]

    def handle(self, path: str, fields: dict[str, str]) -> Answer:
        """Return status, and location or JSON."""
        self.requests.append((path, fields))
        if path == "/authorize":
            return self._authorize(fields)
        if path == "/token":
            self.while_asked()
            if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return 401, {"error": "invalid_client"}
            if fields.get("grant_type") == "refresh_token":
                return self._refresh(fields)
            return self._exchange(fields)
        if path == "/revoke":
            login = self.refresh_tokens.get(fields.get("token", ""))
            self.end(login or "")
            return (200, {}) if login else (400, {"error": "invalid_token"})
        return 404, {}

    def _authorize(self, fields: dict[str, str]) -> Answer:
        wanted = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        if wanted.items() - fields.items() or "state" not in fields:
            return 400, {"error": "invalid_request"}
        answer = {"state": fields["state"]} | ({"iss": self.url} if self.names_itself else {})
        if self.denies:
            answer["error"] = self.denies
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self.codes[answer["code"]] = Code(
                self.signed_in_as, fields["redirect_uri"], fields["code_challenge"]
            )
        return 302, f"{fields['redirect_uri']}?{urlencode(answer)}"

    def _exchange(self, fields: dict[str, str]) -> Answer:
        code = self.codes.pop(fields.get("code", ""), None)
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if code is None or (code.redirect_uri, code.challenge) != (
            fields.get("redirect_uri"),
            challenge,
        ):
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(code.login, refreshes=self.gives_refresh_token)

    def _refresh(self, fields: dict[str, str]) -> Answer:
        token = fields.get("refresh_token", "")
        login = self.refresh_tokens.get(token)
        if login is None:
            return 400, {"error": "invalid_grant", "error_description": "Token has been revoked."}
        if self.rotates:
            del self.refresh_tokens[token]
        return 200, self._tokens(login, refreshes=self.rotates)

    def _tokens(self, login: str, *, refreshes: bool) -> dict[str, Any]:
        token = f"access-{secrets.token_urlsafe(900)}"  # about as long as real ones
        self.access_tokens[token] = login
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if self.expires_in_s is not None:
            answer["expires_in"] = self.expires_in_s
        if self.scope:
            answer["scope"] = self.scope
        if refreshes:
            answer["refresh_token"] = f"refresh-{secrets.token_urlsafe(32)}"
            self.refresh_tokens[answer["refresh_token"]] = login
        if self.tells_identity:
            answer["id_token"] = self._id_token(login)
        return answer

    def _id_token(self, login: str) -> str:
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "exp": int(time.time()) + 3600,
            "iat": int(time.time()),
            "email": login,
        } | self.claims
        parts = [{"alg": "RS256", "typ": "JWT"}, claims]
        texts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
        return b".".join([*texts, b"c2lnbmF0dXJl"]).decode().replace("=", "")


class _Handler(http.server.BaseHTTPRequestHandler):
    provider: IdentityProvider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._respond(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        fields = dict(parse_qsl(body))
        if self.headers.get("Authorization", "").startswith("Basic "):
            basic = base64.b64decode(self.headers["Authorization"][6:]).decode()
            fields["client_id"], _, fields["client_secret"] = basic.partition(":")
        self._respond(self.path, fields)

    def _respond(self, path: str, fields: dict[str, str]) -> None:
        script = self.provider.scripts.get(path)
        if script is None or script.times == 0:
            status, answer = self.provider.handle(path, fields)
            if status == 302:
                return self._send(status, b"", {"Location": answer})
            return self._send(status, json.dumps(answer).encode(), {})
        self.provider.requests.append((path, fields))
        if script.times is not None:
            script.times -= 1
        body = script.body.encode() if isinstance(script.body, str) else script.body
        return self._send(script.status, body, script.headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
