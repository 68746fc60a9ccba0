"""The demo's password: random, made once for an installation, readable by its user alone."""

import os
import secrets
from pathlib import Path


def password_of(path: Path) -> tuple[str, bool]:
    """Return the password that a file keeps, made if it is missing, and whether it is new."""
    try:
        return path.read_text("ascii").strip(), False
    except FileNotFoundError:
        password = secrets.token_urlsafe(12)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{password}\n")
        return password, True
