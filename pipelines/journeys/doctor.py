"""Whether this installation can do its work, and what is wrong where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from anonymization.columns import NAME_ENTITIES
from pipelines.contracts.model import check_contracts, load_catalogue
from pipelines.control.deliveries import held_files
from pipelines.control.keyring_source import open_keyring
from pipelines.control.ledger import open_ledger
from pipelines.control.quality_results import latest_results, list_results
from pipelines.errors import ConfigurationError, MissingKeyError, TokumeiError
from pipelines.ingestion.country import open_country_database
from pipelines.ingestion.datacentres import open_datacentre_networks
from pipelines.journeys.anomalies import compare_with_weeks_before
from pipelines.journeys.senders import describe_senders
from pipelines.lake.evolution import find_misfits, find_new_columns
from pipelines.lake.layout import find_table, open_lake, read_log
from pipelines.settings import Settings, prepare_home

WITHOUT_NAMES = {"redact": "redacted whole", "keep": "kept with the names in it, as its contract says"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined."""

    subject: str
    is_well: bool
    detail: str


def examine(settings: Settings) -> tuple[Finding, ...]:
    """Every check, each on its own, so that one failure hides no other."""
    checks: dict[str, Callable[[Settings], str]] = {
        "home": _examine_home,
        "contracts": _examine_contracts,
        "keys": _examine_keys,
        "ledger": _examine_ledger,
        "lake": _examine_lake,
        "countries": _examine_countries,
        "datacentres": _examine_datacentres,
        "names in free text": _examine_names,
        "quality": _examine_quality,
        "notices": describe_senders,
    }
    return tuple(_examine(subject, check, settings) for subject, check in checks.items())


def _examine(subject: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(subject, is_well=True, detail=check(settings))
    except TokumeiError as error:
        return Finding(subject, is_well=False, detail=str(error))


def _examine_home(settings: Settings) -> str:
    prepare_home(settings)
    mode = settings.home.stat().st_mode & 0o777
    if mode & 0o077:
        raise ConfigurationError(f"{settings.home} has mode {mode:o}", hint="others may read it: set it to 700")
    return f"{settings.home} is ours and writable"


def _examine_contracts(settings: Settings) -> str:
    violations = check_contracts(settings.contracts)
    if violations:
        raise ConfigurationError("; ".join(map(str, violations)), hint="correct the contracts")
    return f"{len(load_catalogue(settings.contracts).contracts)} contracts hold"


def _examine_keys(settings: Settings) -> str:
    keyring = open_keyring(settings)
    if not settings.signing_key_file.exists():
        raise MissingKeyError("there is no certificate signing key", hint="restore it, or run `tokumei keys init`")
    return f"{len(keyring.keys)} keys"


def _examine_ledger(settings: Settings) -> str:
    held = held_files(open_ledger(settings.control_url))
    if held:
        listed = "; ".join(f"{source}/{name}: {reason}" for source, name, reason in held)
        raise ConfigurationError(f"{len(held)} files are held: {listed}", hint="mend them and run `tokumei ingest`")
    return "reachable, no file is held"


def _examine_lake(settings: Settings) -> str:
    """Whether every table can follow its contract; none is made or changed."""
    lake, tables = open_lake(settings.lake_uri), load_catalogue(settings.contracts).layer("lake")
    opened = [(read_log(each.name, partial(find_table, lake, each)), each) for each in tables]
    found = [(table, contract) for table, contract in opened if table]
    misfits = [misfit for table, contract in found for misfit in find_misfits(table, contract)]
    if misfits:
        raise ConfigurationError("; ".join(map(str, misfits)), hint="correct the contracts")
    gained = [
        f"{contract.name}.{field.name}" for table, contract in found for field in find_new_columns(table, contract)
    ]
    listed = [f"{', '.join(gained)} will be added when next opened"] if gained else []
    return "; ".join([f"{len(found)} tables fit their contracts", *listed])


def _examine_countries(settings: Settings) -> str:
    database = open_country_database(settings.country_database)
    return "unknown, for want of TOKUMEI_COUNTRY_DATABASE" if database is None else f"from {database.describe()}"


def _examine_quality(settings: Settings) -> str:
    """What the gates found last, and what is unlike the weeks before; well in any case: gates stop by themselves."""
    ledger, now = open_ledger(settings.control_url), datetime.now(UTC).astimezone(settings.zone)
    latest = latest_results(list_results(ledger))
    judged = [result.figures for table in latest.values() for result in table if result.figures.layer != "anomalies"]
    broken = sum(not figures.passed for figures in judged)
    compared = compare_with_weeks_before(ledger, settings.warehouse_file, now)
    anomalies = [str(comparison) for comparison in compared if comparison.is_anomaly]
    return "; ".join([f"{broken} of {len(judged)} rules are broken, see `tokumei quality`", *anomalies])


def _examine_datacentres(settings: Settings) -> str:
    networks = open_datacentre_networks(settings.datacentre_networks)
    return "unknown, for want of TOKUMEI_DATACENTRE_NETWORKS" if networks is None else f"by {networks.describe()}"


def _examine_names(settings: Settings) -> str:
    """What becomes of each text in which a contract expects names; well in any case, since the contract decides it."""
    from anonymization.names import installed_models  # noqa: PLC0415 - spaCy takes seconds

    models = installed_models()
    if models:
        listed = ", ".join(f"{language} ({name})" for language, name in sorted(models.items()))
        return f"recognised in {listed}; a text in any other language is redacted whole"
    fates = [
        f"{contract.name}.{column.name} is {WITHOUT_NAMES[column.treatment.get('withoutNames', 'redact')]}"
        for contract in load_catalogue(settings.contracts).layer("lake")
        for column in contract.columns
        if NAME_ENTITIES.intersection(column.treatment.get("entities", ()))
    ]
    return "; ".join(["not recognised, for want of the extra japanese-names or another spaCy model", *fates])
