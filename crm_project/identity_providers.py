"""Who signs mail accounts in: the providers of OAuth2, by the SMTP hosts that take their tokens.

Data alone. Nothing but what stands here is ever asked for a token, or trusted with one. A host
of another provider is one more entry; `massmail.services.identity_providers` reads the table.
"""

from typing import Any

from .configuration import Configuration


def by_smtp_host(configuration: Configuration) -> dict[str, dict[str, Any]]:
    """Return the table. Any: texts and tuples of texts, checked where they are read."""
    google = {
        "name": "Google",
        "authorization_url": "https://accounts.google.com/o/oauth2/v2/auth",
        "token_url": "https://oauth2.googleapis.com/token",
        "revocation_url": "https://oauth2.googleapis.com/revoke",
        "issuer": "https://accounts.google.com",
        "mail_scope": "https://mail.google.com/",
        "other_scopes": ("openid", "email"),
        "identity_claims": ("email",),
        "client_id": configuration.google_client_id,
        "client_secret": configuration.google_client_secret,
    }
    microsoft = {
        "name": "Microsoft",
        "authorization_url": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "token_url": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",  # as its discovery says it
        "mail_scope": "https://outlook.office.com/SMTP.Send",
        "other_scopes": ("openid", "email", "profile", "offline_access"),
        "identity_claims": ("email", "preferred_username"),
        "client_id": configuration.microsoft_client_id,
        "client_secret": configuration.microsoft_client_secret,
    }
    return {
        "smtp.gmail.com": google,
        "smtp.office365.com": microsoft,
        "smtp-mail.outlook.com": microsoft,
    }
