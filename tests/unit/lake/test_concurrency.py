"""Appends, rewrites and purges at the same time lose no row and keep none of the removed."""

import threading
from collections.abc import Callable

from pipelines.lake.purge import purge_table

LEAVER = 1
APPENDS = 12
WRITERS = 2


def test_appends_during_rewrites_and_purges_lose_nothing(table):
    table.append([(LEAVER, 0)], "first")
    failures: list[BaseException] = []
    written = threading.Event()

    def write(writer: int) -> None:
        for number in range(APPENDS):
            table.append([(10 + writer, number), (LEAVER, number)], f"{writer}-{number}")

    def erase() -> None:
        while not written.is_set():
            table.remove({"request": table.subject(LEAVER)})
            purge_table(table.lake, table.contract)

    def guard(work: Callable[..., None], *arguments: int) -> None:
        try:
            work(*arguments)
        except BaseException as error:  # noqa: BLE001 - a thread's errors are asserted on below
            failures.append(error)

    writers = [threading.Thread(target=guard, args=(write, number)) for number in range(WRITERS)]
    eraser = threading.Thread(target=guard, args=(erase,))
    for thread in (*writers, eraser):
        thread.start()
    for thread in writers:
        thread.join(60)
    written.set()
    eraser.join(60)
    assert failures == []
    table.remove({"request": table.subject(LEAVER)})
    assert table.pairs() == [(10 + writer, number) for writer in range(WRITERS) for number in range(APPENDS)]
