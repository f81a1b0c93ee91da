"""Settings: one file, strict environment helpers, the same code path for demo, tests and production.

Every variable is listed in the README's table. `CLEARWINDOW_ENV` is `production` (default), `demo` or `test`;
it only chooses safe defaults: what may move the clock is decided by the database, not by this file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.database_url import read_database_url

env = environ.Env()
# Small matrices only: one thread is fastest, and leaves the other cores to other requests.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
BASE_DIR = Path(__file__).resolve().parent.parent


def secret(name: str, default: str = "") -> str:
    """A secret from NAME, or from the file that NAME_FILE points to."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get(name, default)


CLEARWINDOW_ENV = env.str("CLEARWINDOW_ENV", default="production")
if CLEARWINDOW_ENV not in ("production", "demo", "test"):
    raise ImproperlyConfigured("CLEARWINDOW_ENV must be production, demo or test")
IS_DEMO = CLEARWINDOW_ENV == "demo"
IS_PRODUCTION = CLEARWINDOW_ENV == "production"
DEBUG = False

SECRET_KEY = secret("SECRET_KEY", "" if IS_PRODUCTION else "not-secret-" + "x" * 60)
FIELD_KEY = secret("FIELD_KEY", "" if IS_PRODUCTION else "bm90LWEtc2VjcmV0LWZpZWxkLWtleS1kZW1vISEhISE=")
FIELD_KEYS_OLD = [key for key in secret("FIELD_KEYS_OLD").split(",") if key]
SECRET_KEY_FALLBACKS = [key for key in secret("SECRET_KEY_FALLBACKS").split(",") if key]
if not SECRET_KEY:
    # Commands that need no secret (makemigrations, predict_concentration) still start; staff.E003 stops a server.
    SECRET_KEY = "unset-secret-key-refused-by-the-deploy-check"  # noqa: S105 - refused by staff.E003

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[] if IS_PRODUCTION else ["127.0.0.1", "localhost", "testserver"]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "staff",
    "protocols",
    "patients",
    "sessions",
    "scheduling",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.admin",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "drf_spectacular",
    "django_htmx",
    "lucide",
    "csp",
    "anymail",
    "phonenumber_field",
    "django_structlog",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "config.middleware.RequestLogMiddleware",
    "config.middleware.IdleTimeoutMiddleware",
    "config.middleware.SecondStepMiddleware",
    "config.middleware.SiteClockMiddleware",
    "config.middleware.HistoryContextMiddleware",
    "config.middleware.PageGuardMiddleware",
    "config.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
FORM_RENDERER = "staff.forms.ClearwindowRenderer"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.page",
            ],
        },
    }
]

# --- Database: the app role runs, the owner role migrates (DATABASE_OWNER_URL, see staff's migrate command) ---
DATABASE_URL = secret("DATABASE_URL", "postgres://clearwindow_app@127.0.0.1/clearwindow")
DATABASE_OWNER_URL = secret("DATABASE_OWNER_URL", DATABASE_URL)
DAY_SHEET_DIR = env.str(
    "DAY_SHEET_DIR", default=""
)  # where the tick writes the day sheets as files, if anywhere
DATABASE_APP_ROLE = env.str("DATABASE_APP_ROLE", default="clearwindow_app")
DATABASES: dict[str, dict[str, Any]] = {"default": read_database_url(DATABASE_URL)}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["TEST"] = {"NAME": env.str("TEST_DATABASE_NAME", default="test_clearwindow")}
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 5)
# Storage without moving parts: the server's own guess (4) reads whole tables where an index is faster. See bench/pages.
DATABASES["default"]["OPTIONS"].setdefault("options", "-c random_page_cost=1.1")
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis or Valkey: carries wake-ups, cache and rate limits; holds no promise ---
REDIS_URL = secret("REDIS_URL", "redis://127.0.0.1:6379/0")


def broker_url(url: str) -> str:
    """Celery's spelling of a REDIS_URL: a unix socket is `unix:///path?db=2` for redis-py and
    `redis+socket:///path?virtual_host=2` here.
    """
    if not url.startswith("unix://"):
        return url
    path, _, options = url.removeprefix("unix://").partition("?")
    wanted = [option.replace("db=", "virtual_host=", 1) if option.startswith("db=") else option
              for option in options.split("&") if option]  # fmt: skip
    return f"redis+socket://{path}" + (f"?{'&'.join(wanted)}" if wanted else "")


CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
TICK_SECONDS = env.float("TICK_SECONDS", default=5.0)
LEASE_SECONDS = env.int("LEASE_SECONDS", default=30)
# A metronome only: the tick asks the database what is due. Two beats are harmless, crontabs are not used.
CELERY_BEAT_SCHEDULE = {"tick": {"task": "scheduling.tick", "schedule": TICK_SECONDS}}

# --- People ---
AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if CLEARWINDOW_ENV == "demo":
    PASSWORD_HASHERS = ["config.hashers.DemoPasswordHasher", *PASSWORD_HASHERS[1:]]
if CLEARWINDOW_ENV == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "config.accounts.ClinicAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = env.int("REAUTHENTICATION_TIMEOUT", default=300)
ACCOUNT_FORMS = {
    "login": "config.account_forms.LoginForm",
    "reset_password": "config.account_forms.ResetPasswordForm",
    "reset_password_from_key": "config.account_forms.ResetPasswordKeyForm",
    "change_password": "config.account_forms.ChangePasswordForm",
}
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_PREVENT_ENUMERATION = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # the clinic vouches for the addresses, nobody confirms one by a message
REQUIRE_MFA_ROLES = frozenset(env.list("REQUIRE_MFA_ROLES", default=[]))  # names of staff/roles.py
USERSESSIONS_TRACK_ACTIVITY = False

SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=3600 if IS_DEMO else 900)
SESSION_COOKIE_HTTPONLY = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("COOKIE_SECURE", default=IS_PRODUCTION)
SESSION_COOKIE_NAME = "__Host-session" if SESSION_COOKIE_SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SESSION_COOKIE_SECURE else "csrf"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=IS_PRODUCTION)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if IS_PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_PRODUCTION
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_PROXY", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
# A text of 1 MB as a browser encodes it (three bytes for one) must reach its form, which says at the field that it is
# too long and keeps it. More is never a form of ours: 413. JSON has its own limit (`staff.strict.MAX_JSON_BYTES`).
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

# --- Language, time, files ---
LANGUAGE_CODE = "en-gb"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["map", "png", "jpg", "webp", "woff2", "gz", "br"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- Messages out: SMTP when EMAIL_URL is given, else a readable outbox folder ---
OUTBOX_DIR = env.str("OUTBOX_DIR", default=str(BASE_DIR / ".outbox"))
if os.environ.get("EMAIL_URL"):
    for _name, _value in env.email_url("EMAIL_URL").items():
        globals()[_name] = _value
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = OUTBOX_DIR
# A provider over HTTP instead of SMTP (django-anymail). Its values come from ANYMAIL_<NAME>, or ANYMAIL_<NAME>_FILE.
EMAIL_PROVIDER = env.str("EMAIL_PROVIDER", default="")
ANYMAIL: dict[str, object] = {"REQUESTS_TIMEOUT": min(10.0, LEASE_SECONDS / 2)}
if EMAIL_PROVIDER:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_PROVIDER}.EmailBackend"
    for _name in {item.removesuffix("_FILE") for item in os.environ if item.startswith("ANYMAIL_")}:
        ANYMAIL[_name.removeprefix("ANYMAIL_")] = secret(_name)
EMAIL_TIMEOUT = 10
SMS_BACKEND = env.str("SMS_BACKEND", default="scheduling.channels.FileSMSBackend")
SMS_WEBHOOK_URL = env.str("SMS_WEBHOOK_URL", default="")
SMS_WEBHOOK_SECRET = secret("SMS_WEBHOOK_SECRET")
SMS_KEY_HOURS = env.float("SMS_KEY_HOURS", default=24.0)
TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN = secret("TWILIO_ACCOUNT_SID"), secret("TWILIO_AUTH_TOKEN")
TWILIO_FROM = env.str("TWILIO_FROM", default="")
TWILIO_API_URL = env.str("TWILIO_API_URL", default="https://api.twilio.com").rstrip("/")
# Where patients reach `/p/<link>/`; without it messages carry no links and ask for a call instead.
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Clinic <no-reply@clinic.example>")
PHONENUMBER_DEFAULT_REGION = "US"

# --- API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "staff.api_tokens.ClinicTokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["staff.api_defaults.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "staff.api_defaults.CodeCursorPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "staff.api.problem_handler",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": env.str("API_RATE", default="1200/min"), "token": "10/min"},
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Clearwindow API",
    "DESCRIPTION": "Protocol scheduling for intravenous ketamine treatment. Errors are RFC 9457 problem details.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "GET_MOCK_REQUEST": "config.schema.mock_request",
    "ENUM_NAME_OVERRIDES": {
        "PatientStatusEnum": "patients.models.Patient.Status",
        "VersionStatusEnum": "protocols.models.ProtocolVersion.Status",
        "SeriesStatusEnum": "scheduling.models.TreatmentSeries.Status",
        "AppointmentStatusEnum": "scheduling.models.Appointment.Status",
        "InfusionStatusEnum": "sessions.models.Infusion.Status",
        "WindowStatusEnum": "scheduling.models.PlasticityWindow.Status",
        "AppointmentKindEnum": "scheduling.models.Appointment.Kind",
        "ResourceKindEnum": "scheduling.models.Resource.Kind",
        "PumpEventKindEnum": "sessions.models.PumpEvent.Kind",
        "DocumentKindEnum": "protocols.models.ProtocolDocument.Kind",
        "AdverseEventSeverityEnum": "sessions.models.AdverseEvent.Severity",
        "ContraindicationSeverityEnum": "patients.models.Contraindication.Severity",
        "ClinicPlanStateEnum": "scheduling.models.ClinicPlanRun.State",
        "DocumentChangeEnum": "protocols.models.ProtocolDocument.Change",
        "OverrideReasonEnum": "sessions.gates.OVERRIDE_CHOICES",
        "NotApplicableReasonEnum": "sessions.services.checks.NOT_APPLICABLE_CHOICES",
        "MoveReasonEnum": "scheduling.reasons.MOVE_CODES",
        "PersonStateEnum": "staff.presenting.STATE_CHOICES",
        "CancelReasonEnum": "scheduling.reasons.CANCEL_CODES",
    },
}

# --- Logs: ids only, never values of clinical fields or text of database errors ---
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"link_tokens": {"()": "config.log_filters.LinkTokenFilter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["link_tokens"]}
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
    "loggers": {"clearwindow": {"level": "INFO"}},
}
PGHISTORY_APPEND_ONLY = False
# Triggers of the history are installed after every migrate: as migration operations they made a fresh database
# ten times slower to build, because each one renders every model anew.
PGTRIGGER_MIGRATIONS = False
PGTRIGGER_INSTALL_ON_MIGRATE = True
PGHISTORY_DEFAULT_TRACKERS = ()
