"""
# send_notices

Sends what waits in the outbox: to members that their requests are done, refused or late, by SMS or mail, and to
recipients of exports the signed notices of deletions that touch what they have.

**Runs** every five minutes, beside everything else. No deletion waits for it, and none is undone by it.

**When a message fails**, the task succeeds all the same: the message is tried again after a minute, two, four, up to
six hours, and is dead after twelve attempts, or at once where the receiving side refuses it. `tokumei outbox` lists
messages by their ids, and `tokumei outbox --retry ID` revives a dead one once its cause is mended.

**When messages stay and the log says that none goes out**, a channel is not set up: `tokumei doctor` says what is
missing. SMS needs `TOKUMEI_SMS_GATEWAY` and a token (`tokumei sms-token`), mail `TOKUMEI_SMTP`.

**When `tell_delays` fails**, nobody is told anew that a request is late; `flush_notices` sends the rest all the same.

**When `flush_notices` fails**, the ledger did not answer: nothing is lost, and the next run goes on. A run that was
killed may send one message twice, under the same id.

**Metrics**: `tokumei.notices.{sent,failed}`, counters; `tokumei.notices.dead`, a gauge; and
`tokumei.tell_delays.requests.{delayed,overdue,done,failed,duration}`. Alarm on `failed` that lasts for hours, and on
`dead` above 0.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from pipelines import desk_tasks, orchestration


@dag(
    schedule=orchestration.at("*/5 * * * *"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def send_notices() -> None:
    told = task(show_return_value_in_logs=False)(desk_tasks.tell_delays)()
    told >> task(trigger_rule="all_done", show_return_value_in_logs=False)(desk_tasks.flush_notices)()


send_notices()
