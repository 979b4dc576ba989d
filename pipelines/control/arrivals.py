"""How much of each source came when, and how long after a day began its first lines came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime

import sqlalchemy as sa

from pipelines.control.ledger import deliveries, touched_dates, transaction
from pipelines.control.schema import Instant


def accepted_by_day(engine: sa.Engine, since: date) -> Mapping[str, Mapping[date, int]]:
    """Lines accepted, by source and by the day on which they were received, from a day on."""
    committed = (deliveries.c.state == "committed") & (deliveries.c.received_date >= since)
    total = sa.func.sum(deliveries.c.accepted_count)
    query = sa.select(deliveries.c.source, deliveries.c.received_date, total).where(committed)
    found = defaultdict[str, dict[date, int]](dict)
    with transaction(engine) as connection:
        for source, day, count in connection.execute(query.group_by(deliveries.c.source, deliveries.c.received_date)):
            found[source][day] = int(count)
    return found


def first_arrivals(engine: sa.Engine, since: date) -> Mapping[str, Mapping[date, datetime]]:
    """When the first file that held events of a day was received, by source and that day, from a day on."""
    first = sa.type_coerce(sa.func.min(deliveries.c.received_at), Instant)
    query = (
        sa.select(deliveries.c.source, touched_dates.c.event_date, first)
        .join(touched_dates, touched_dates.c.content_digest == deliveries.c.content_digest)
        .where((deliveries.c.state == "committed") & (touched_dates.c.event_date >= since))
        .group_by(deliveries.c.source, touched_dates.c.event_date)
    )
    found = defaultdict[str, dict[date, datetime]](dict)
    with transaction(engine) as connection:
        for source, day, moment in connection.execute(query):
            found[source][day] = moment
    return found
