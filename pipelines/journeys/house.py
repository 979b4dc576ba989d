"""What every journey needs, opened once: settings, contracts, ledger, keyring, lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from anonymization.keyring import Keyring
from pipelines.contracts.model import Catalogue, load_catalogue
from pipelines.control.keyring_source import open_keyring
from pipelines.control.ledger import open_ledger
from pipelines.ingestion.country import CountryDatabase, open_country_database
from pipelines.ingestion.datacentres import DatacentreNetworks, open_datacentre_networks
from pipelines.lake.layout import Lake, open_lake
from pipelines.settings import Settings, prepare_home


@dataclass(frozen=True, slots=True)
class House:
    """The opened parts of one installation."""

    settings: Settings
    catalogue: Catalogue
    ledger: sa.Engine
    keyring: Keyring
    lake: Lake
    country_database: CountryDatabase | None
    datacentre_networks: DatacentreNetworks | None

    def now(self) -> datetime:
        """The moment in the service's time zone, whose date is the service's today."""
        return datetime.now(UTC).astimezone(self.settings.zone)


def open_house(settings: Settings) -> House:
    """Open an installation; the first thing missing or broken raises a ConfigurationError that names it."""
    prepare_home(settings)
    keyring = open_keyring(settings)
    return House(
        settings=settings,
        catalogue=load_catalogue(settings.contracts),
        ledger=open_ledger(settings.control_url),
        keyring=keyring,
        lake=open_lake(settings.lake_uri),
        country_database=open_country_database(settings.country_database),
        datacentre_networks=open_datacentre_networks(settings.datacentre_networks),
    )
