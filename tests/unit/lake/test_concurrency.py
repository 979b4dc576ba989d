"""Appends, rewrites, merges and purges at the same time lose and double no row and keep none of the removed."""

import threading
from collections.abc import Callable
from datetime import date

from pipelines.lake.compact import Aim, compact_table
from pipelines.lake.purge import purge_table

LEAVER = 1
APPENDS = 20
WRITERS = 2


def test_appends_during_rewrites_merges_and_purges_lose_nothing(table):
    table.append([(LEAVER, 0)], "first")
    failures: list[BaseException] = []
    written = threading.Event()

    def write(writer: int) -> None:
        for number in range(APPENDS):
            table.append([(10 + writer, number), (LEAVER, number)], f"{writer}-{number}")

    def maintain(work: Callable[[], object]) -> None:
        while not written.is_set():
            work()
            purge_table(table.lake, table.contract)

    def guard(work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except BaseException as error:  # noqa: BLE001 - a thread's errors are asserted on below
            failures.append(error)

    writers = [threading.Thread(target=guard, args=(write, number)) for number in range(WRITERS)]
    works = (
        lambda: table.remove({"request": table.subject(LEAVER)}),
        lambda: compact_table(table.lake, table.contract, Aim(date.max, target_bytes=20_000)),
    )
    maintainers = [threading.Thread(target=guard, args=(maintain, work)) for work in works]
    for thread in (*writers, *maintainers):
        thread.start()
    for thread in writers:
        thread.join(60)
    written.set()
    for thread in maintainers:
        thread.join(60)
    assert failures == []
    table.remove({"request": table.subject(LEAVER)})
    assert table.pairs() == [(10 + writer, number) for writer in range(WRITERS) for number in range(APPENDS)]
