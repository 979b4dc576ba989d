"""Where everything lives and how it is told; read from the environment once, at the edge."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.errors import ConfigurationError, HomeUnwritableError

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = ("access", "devices", "searches", "surveys", "accounts", "requests")
MOST_PROCESSES = 64
SHARE = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
OFFICERS = re.compile(r" *[\w.@+-]{1,100} *(?:, *[\w.@+-]{1,100} *)*")
MOST_DAYS = 3650
MOST_CANARIES = 9  # fewer than any mart shows
MEMORY = re.compile(r"[0-9]+(?:\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, each from the environment variable TOKUMEI_<NAME> in capitals.

    home: the one directory that holds all data (mode 0700). control_url: SQLAlchemy URL of the ledger.
    timezone: the service's, which decides event dates. memory_limit: DuckDB's, such as 2GB.
    canaries: a file of identifiers, one a line, that must never be found below home; empty for none.
    canary_subjects: how many people who do not exist are planted each day, to be deleted and to be found nowhere.
    country_database: a file in MaxMind's format that tells countries of addresses; empty for none.
    datacentre_networks: a file of the networks of datacentres, one a line in CIDR notation; empty for none.
    keyring_source: file, file:PATH, env:VARIABLE, or command:COMMAND LINE, whose output is the keyring.
    landing_uri: where files arrive, a path or a URI such as s3://bucket/landing. quiet_seconds: how long a file must
    have been left alone before it is read, where the file system cannot tell whether somebody is writing it.
    processes: how many share the work on a large file; 1 for none but the one that was started.
    guard_share: of the rows of a table, or of all members, that a deletion plan may take without being asked, 0 to 1.
    deadline_days: within how many days of its filing a deletion is done. deadline_warning_days: how many days before
    its due date a request that is still open is warned of.
    longest_copy_days: how long any copy of the lake lives, and with it what is needed to repeat deletions in it.
    officers: names of the Airflow users who may approve, separated by commas. four_eyes: 1 when nobody may approve what
    they requested, 0 otherwise. access_export_days: how long a disclosure export is kept.
    intake_port: of the intake service. intake_url: where people reach it, for links to status pages.
    sms_gateway and smtp: URLs of what sends notices, empty for none. notice_sender: the address that mail comes from.
    """

    home: Path
    control_url: str
    lake_uri: str
    contracts: Path
    sql: Path
    timezone: str
    memory_limit: str
    airflow_port: int
    canaries: str
    canary_subjects: int
    country_database: str
    datacentre_networks: str
    keyring_source: str
    landing_uri: str
    quiet_seconds: int
    processes: int
    guard_share: float
    deadline_days: int
    deadline_warning_days: int
    longest_copy_days: int
    officers: str
    four_eyes: int
    access_export_days: int
    intake_port: int
    intake_url: str
    sms_gateway: str
    smtp: str
    notice_sender: str

    @property
    def landing(self) -> Path:
        """Landing on this machine; empty while files arrive in an object store."""
        return self.home / "landing" if "://" in self.landing_uri else Path(self.landing_uri)

    @property
    def keyring_file(self) -> Path:
        return self.home / "keys" / "keyring.json"

    @property
    def signing_key_file(self) -> Path:
        return self.home / "keys" / "certificate_signing_key.pem"

    @property
    def desk_secrets_file(self) -> Path:
        return self.home / "keys" / "desk_secrets.json"

    @property
    def officer_names(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.officers.split(",") if name.strip())

    @property
    def warehouse_directory(self) -> Path:
        return self.home / "warehouse"

    @property
    def warehouse_file(self) -> Path:
        return self.warehouse_directory / "tokumei.duckdb"

    @property
    def certificates(self) -> Path:
        return self.home / "certificates"

    @property
    def access_exports(self) -> Path:
        return self.home / "reports" / "access"

    @property
    def quality_documents(self) -> Path:
        return self.home / "reports" / "quality"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from TOKUMEI_ variables, empty ones being as good as none; ConfigurationError names an unusable one."""
    given = {name: value for name, value in environment.items() if value}
    home = Path(given.get("TOKUMEI_HOME", ".tokumei")).absolute()
    return Settings(
        home=home,
        control_url=given.get("TOKUMEI_CONTROL_URL", f"sqlite:///{home}/control.db"),
        lake_uri=given.get("TOKUMEI_LAKE_URI", f"{home}/lake"),
        contracts=Path(given.get("TOKUMEI_CONTRACTS", REPOSITORY / "data_contracts")),
        sql=Path(given.get("TOKUMEI_SQL", REPOSITORY / "sql")),
        timezone=_read_timezone(given.get("TOKUMEI_TIMEZONE", "Asia/Tokyo")),
        memory_limit=_read_memory(given.get("TOKUMEI_MEMORY_LIMIT", "1500MB")),
        airflow_port=_read_port("TOKUMEI_AIRFLOW_PORT", given.get("TOKUMEI_AIRFLOW_PORT", "18080")),
        canaries=given.get("TOKUMEI_CANARIES", ""),
        canary_subjects=_read_canary_subjects(given.get("TOKUMEI_CANARY_SUBJECTS", "0")),
        country_database=given.get("TOKUMEI_COUNTRY_DATABASE", ""),
        datacentre_networks=given.get("TOKUMEI_DATACENTRE_NETWORKS", ""),
        keyring_source=given.get("TOKUMEI_KEYRING_SOURCE", "file"),
        landing_uri=_read_landing(given.get("TOKUMEI_LANDING_URI", f"{home}/landing")),
        quiet_seconds=_read_number("TOKUMEI_QUIET_SECONDS", given.get("TOKUMEI_QUIET_SECONDS", "60"), "seconds"),
        deadline_days=_read_days("TOKUMEI_DEADLINE_DAYS", given.get("TOKUMEI_DEADLINE_DAYS", "30")),
        deadline_warning_days=_read_days(
            "TOKUMEI_DEADLINE_WARNING_DAYS", given.get("TOKUMEI_DEADLINE_WARNING_DAYS", "7")
        ),
        processes=_read_processes(given.get("TOKUMEI_PROCESSES", str(min(2, os.cpu_count() or 1)))),
        guard_share=_read_share(given.get("TOKUMEI_GUARD_SHARE", "0.2")),
        longest_copy_days=_read_number(
            "TOKUMEI_LONGEST_COPY_DAYS", given.get("TOKUMEI_LONGEST_COPY_DAYS", "400"), "days"
        ),
        officers=_read_officers(given.get("TOKUMEI_OFFICERS", "compliance-officer")),
        four_eyes=_read_switch("TOKUMEI_FOUR_EYES", given.get("TOKUMEI_FOUR_EYES", "0")),
        access_export_days=_read_days("TOKUMEI_ACCESS_EXPORT_DAYS", given.get("TOKUMEI_ACCESS_EXPORT_DAYS", "30")),
        intake_port=_read_port("TOKUMEI_INTAKE_PORT", given.get("TOKUMEI_INTAKE_PORT", "18090")),
        intake_url=_read_url("TOKUMEI_INTAKE_URL", given.get("TOKUMEI_INTAKE_URL", "http://127.0.0.1:18090")),
        sms_gateway=_read_url("TOKUMEI_SMS_GATEWAY", given.get("TOKUMEI_SMS_GATEWAY", "")),
        smtp=_read_url("TOKUMEI_SMTP", given.get("TOKUMEI_SMTP", ""), schemes=("smtp", "smtps")),
        notice_sender=given.get("TOKUMEI_NOTICE_SENDER", "privacy@localhost"),
    )


def _read_timezone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            "TOKUMEI_TIMEZONE is not a time zone", hint="set it to a name such as Asia/Tokyo"
        ) from None


def _read_memory(amount: str) -> str:
    if not MEMORY.fullmatch(amount):
        raise ConfigurationError("TOKUMEI_MEMORY_LIMIT is not an amount of memory", hint="set it to one such as 2GB")
    return amount


def _read_port(name: str, number: str) -> int:
    if not (number.isascii() and number.isdigit() and 0 < int(number) < 2**16):
        raise ConfigurationError(f"{name} is not a port number", hint="set it to a number such as 18080")
    return int(number)


def _read_canary_subjects(number: str) -> int:
    if not (number.isascii() and number.isdigit() and int(number) <= MOST_CANARIES):
        raise ConfigurationError(
            "TOKUMEI_CANARY_SUBJECTS is not a number of people", hint=f"set it to a number up to {MOST_CANARIES}"
        )
    return int(number)


def _read_landing(uri: str) -> str:
    if uri.startswith("file://"):
        uri = unquote(urlsplit(uri).path)
    return uri if "://" in uri else str(Path(uri).absolute())


def _read_number(name: str, number: str, unit: str) -> int:
    if not (number.isascii() and number.isdigit()):
        raise ConfigurationError(f"{name} is not a whole number", hint=f"set it to {unit} such as 60")
    return int(number)


def _read_officers(names: str) -> str:
    """Without a single name anybody could approve; what Airflow separates users with is no part of one."""
    if not OFFICERS.fullmatch(names):
        raise ConfigurationError(
            "TOKUMEI_OFFICERS names nobody, or somebody whom Airflow cannot know",
            hint="separate names of letters, digits and .@+-_ by commas",
        )
    return names


def _read_switch(name: str, switch: str) -> int:
    if switch not in ("0", "1"):
        raise ConfigurationError(f"{name} is not 0 or 1", hint="set it to 1 to switch it on, 0 to switch it off")
    return int(switch)


def _read_url(name: str, url: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
    parts = urlsplit(url)
    if url and not (parts.scheme in schemes and parts.netloc):
        raise ConfigurationError(f"{name} is not a URL of {' or '.join(schemes)}", hint="set it to one, or unset it")
    return url.rstrip("/")


def _read_days(name: str, number: str) -> int:
    if not (number.isascii() and number.isdigit() and 0 < int(number) <= MOST_DAYS):
        raise ConfigurationError(f"{name} is not a number of days", hint=f"set it to days, from 1 to {MOST_DAYS}")
    return int(number)


def _read_processes(number: str) -> int:
    if not (number.isascii() and number.isdigit() and 0 < int(number) <= MOST_PROCESSES):
        raise ConfigurationError("TOKUMEI_PROCESSES is not a number of processes", hint="set it to a number such as 2")
    return int(number)


def _read_share(number: str) -> float:
    if not (SHARE.fullmatch(number) and float(number) <= 1):
        raise ConfigurationError(
            "TOKUMEI_GUARD_SHARE is not a share", hint="set it to a number from 0 to 1, such as 0.2"
        )
    return float(number)


def setting_names() -> tuple[str, ...]:
    """The environment variable of each setting."""
    return tuple(f"TOKUMEI_{field.name.upper()}" for field in fields(Settings))


def prepare_home(settings: Settings) -> None:
    """Make the home and its directories, mode 0700; HomeUnwritableError when that is impossible."""
    directories = [settings.landing, *(settings.landing / source for source in SOURCES)]
    directories += [settings.warehouse_directory, settings.keyring_file.parent, settings.certificates]
    directories += [settings.home / "reports", settings.airflow_home]
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in directories:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        raise HomeUnwritableError(
            f"TOKUMEI_HOME {settings.home} cannot be written ({error.strerror})",
            hint="point TOKUMEI_HOME at a directory that you own",
        ) from None
