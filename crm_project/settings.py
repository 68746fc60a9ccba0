"""Django's settings. What an operator may set comes from the environment (see `configuration`).

A file `.env` beside manage.py (or the one that ENV_FILE names) adds what the environment lacks.
A value of no use ends the process: one line on standard error, exit code 2.
"""

import os
import sys
from pathlib import Path

import environ
from django.utils.translation import gettext_lazy as _

from .configuration import read
from .environment import BadSettingError
from .identity_providers import by_smtp_host

BASE_DIR = Path(__file__).resolve().parent.parent

environ.Env.read_env(BASE_DIR / os.environ.get("ENV_FILE", ".env"))
try:
    configuration = read(os.environ, BASE_DIR)
except BadSettingError as error:
    sys.stderr.write(f"Configuration error: {error}.\n")
    raise SystemExit(2) from None

# --- Site and secrets
DEBUG = configuration.debug
SECRET_KEY = configuration.secret_key
FIELD_ENCRYPTION_KEYS = configuration.field_encryption_keys
SITE_URL = configuration.site_url
ALLOWED_HOSTS = configuration.allowed_hosts
CSRF_TRUSTED_ORIGINS = configuration.csrf_trusted_origins
ADMINS = configuration.admins
VAR_DIR = configuration.var_dir
ROOT_URLCONF = "crm_project.urls"
WSGI_APPLICATION = "crm_project.wsgi.application"

INSTALLED_APPS = [
    "common.apps.MassmailAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "ckeditor",
    "common",
    "massmail",
    "crm",
]

MIDDLEWARE = [
    "crm_project.middleware.pictures_without_cookies",  # before all that reads a cookie
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "common.sessions.session_end",
    "common.middleware.user_preferences",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "crm_project.middleware.content_security_policy",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database
DATABASES = {"default": configuration.database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German")), ("ar", _("Arabic"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = configuration.time_zone
USE_TZ = True

# --- Files
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "common.static_files.AppFilesWithoutSamples",
]
MEDIA_URL = "/media/"
MEDIA_ROOT = configuration.media_root
FILE_UPLOAD_PERMISSIONS = 0o640
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- People and sessions
AUTHENTICATION_BACKENDS = ["common.backends.UserBackend"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_AGE = 8 * 60 * 60  # seconds
SESSION_SAVE_EVERY_REQUEST = True  # so the eight hours are hours without a click
SESSION_LONGEST_S = 24 * 60 * 60  # seconds from the login, with any number of clicks
PASSWORD_RESET_TIMEOUT = 2 * 60 * 60  # seconds
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = configuration.is_https
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Strict would lose the way back from OAuth2

# --- What browsers are told. TLS ends at a proxy, which has to set X-Forwarded-Proto itself.
SECURE_SSL_REDIRECT = configuration.is_https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if configuration.is_https else None
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if configuration.is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = configuration.is_https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# A view may answer with a policy of its own: `response["Content-Security-Policy"] = …`.
# form-action names the providers because browsers apply it to the redirects of a posted form too
# (Microsoft sends personal accounts on to login.live.com).
_PROVIDERS = "https://accounts.google.com https://login.microsoftonline.com https://login.live.com"
_FORMS = f"form-action 'self' {_PROVIDERS}"
_EVERYWHERE = f"base-uri 'self'; object-src 'none'; {_FORMS}"
CONTENT_SECURITY_POLICY = f"default-src 'self'; frame-ancestors 'none'; {_EVERYWHERE}"
# For pages with the editor, which writes inline scripts and styles.
CONTENT_SECURITY_POLICY_EDITOR = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: https:; frame-src 'self'; frame-ancestors 'none'; {_EVERYWHERE}"
)

# --- Mail of the site itself (password resets, notices). Campaigns go through email accounts.
vars().update(configuration.email)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = configuration.default_from_email

# --- Mass mailing
VERSION = "0.1.0"
# Django email backends that carry campaigns: name → {"BACKEND": path, "OPTIONS": arguments}.
MASSMAIL_DJANGO_BACKENDS = configuration.django_backends
# By what accounts may name as their transport, the class that carries their mails.
MASSMAIL_TRANSPORTS = {
    "smtp": "massmail.backends.smtp.SmtpTransport",
    **dict.fromkeys(MASSMAIL_DJANGO_BACKENDS, "massmail.backends.django_backend.DjangoTransport"),
}
MASSMAIL_ALLOW_PRIVATE_HOSTS = configuration.allow_private_hosts
MASSMAIL_LEASE_S = configuration.lease_s
MASSMAIL_MAILBOX_FILE = configuration.mailbox_file
MASSMAIL_IDENTITY_PROVIDERS = by_smtp_host(configuration)

# --- Editor
# W001 says that this editor's last free release gets no fixes: trusted staff alone edit, what
# they write is cleaned on the server, and previews are sandboxed.
SILENCED_SYSTEM_CHECKS = ["ckeditor.W001"]
# What JSON can carry; the rest, above all what keeps mails whole, is static/massmail/ck_mail.js.
_EDITOR = {
    "autoParagraph": False,
    "fillEmptyBlocks": False,
    "entities": False,
    "basicEntities": True,
    "fullPage": False,
    "removePlugins": "exportpdf,scayt,wsc,flash,smiley,iframe,forms,preview,print",
    "contentsCss": [],
    "filebrowserUploadMethod": "xhr",
    "height": 400,  # pixels
    "width": "100%",
}
CKEDITOR_CONFIGS = {
    "mail": {
        **_EDITOR,
        "toolbar": [
            ["Undo", "Redo"],
            ["Bold", "Italic", "Underline"],
            ["NumberedList", "BulletedList"],
            ["JustifyLeft", "JustifyCenter", "JustifyRight"],
            ["Link", "Unlink"],
            ["Image", "Table", "HorizontalRule"],
            ["TextColor", "BGColor"],
            ["Format", "Font", "FontSize"],
            ["Source", "Maximize"],
        ],
    },
    "signature": {
        **_EDITOR,
        "height": 160,  # pixels
        "toolbar": [
            ["Bold", "Italic", "Underline"],
            ["Link", "Unlink"],
            ["Image", "Table"],
            ["TextColor", "FontSize"],
            ["Source"],
        ],
    },
}

# --- Tasks. The database is the truth: a task carries ids, and may come twice or never.
CELERY_BROKER_URL = configuration.broker.url
CELERY_BROKER_TRANSPORT_OPTIONS = configuration.broker.transport_options
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # with early acknowledgement a busy worker hoards the next task
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 900  # seconds; no soft limit: it would raise in the middle of a mail
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = {
    "massmail.tasks.run_deliveries": {"queue": "deliveries"},
    "massmail.tasks.prepare": {"queue": "deliveries"},  # may take a minute: ticks go on
    "massmail.tasks.check_audience": {"queue": "deliveries"},  # the same
}
CELERY_BEAT_SCHEDULER = (
    "crm_project.signs_of_life:ReportingScheduler"  # in memory: no file to break
)
CELERY_BEAT_SCHEDULE = {
    "tick": {
        "task": "massmail.tasks.tick",
        "schedule": 2.0,  # seconds
        "options": {"expires": 30},  # seconds: no burst of old ticks after a worker was away
    },
}
STOP_DEADLINE_S = configuration.stop_deadline_s

# --- Logging: plain lines on standard error, ids only
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"},
    },
    "filters": {"links": {"()": "common.logs.MaskedLinks"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["links"]}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},
        # a line for each tick otherwise
        "celery.beat": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
