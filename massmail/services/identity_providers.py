"""Which identity provider signs an account in: the table of the settings, typed."""

import re
from dataclasses import dataclass

from django.conf import settings

_TENANT = "{tenantid}"  # stands in an issuer for the id of the user's own organisation
_TENANT_PATTERN = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """One provider of OAuth2, its endpoints, and what this installation is called there."""

    name: str
    authorization_url: str
    token_url: str
    revocation_url: str = ""  # "": it has none (RFC 7009)
    issuer: str
    mail_scope: str  # what lets us send
    other_scopes: tuple[str, ...] = ()
    identity_claims: tuple[str, ...] = ("email",)  # of the ID token; one of them is the login
    client_id: str
    client_secret: str

    @property
    def is_set_up(self) -> bool:
        """Tell whether the operator has registered this installation with the provider."""
        return bool(self.client_id and self.client_secret)

    @property
    def scopes(self) -> list[str]:
        """Return everything that is asked for."""
        return [*self.other_scopes, self.mail_scope]

    @property
    def client_config(self) -> dict[str, dict[str, str]]:
        """Return the client as `Flow` wants it."""
        return {
            "web": {
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "auth_uri": self.authorization_url,
                "token_uri": self.token_url,
            }
        }

    def is_issuer(self, issuer: str) -> bool:
        """Tell whether an answer that names this issuer comes from the provider (RFC 9207)."""
        pattern = re.escape(self.issuer).replace(re.escape(_TENANT), _TENANT_PATTERN)
        return re.fullmatch(pattern, issuer) is not None

    def grants_mail(self, scopes: list[str]) -> bool:
        """Tell whether these scopes let us send; some providers name a scope by its end alone."""
        wanted = self.mail_scope.casefold()
        return any(scope and wanted.endswith(scope.casefold()) for scope in scopes)


def provider_of(smtp_host: str) -> IdentityProvider | None:
    """Return who signs in accounts on this SMTP host, or None if nobody is known."""
    data = settings.MASSMAIL_IDENTITY_PROVIDERS.get(smtp_host.strip().rstrip(".").lower())
    return IdentityProvider(**data) if data else None
