"""A large file by two processes: each opens the house itself, stages chunks, and hands over what holds no identifier.

Chunks go to them through pipes, so that no line touches a disk on the way; keys never leave the process that read them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from multiprocessing import current_process, get_context, parent_process

import polars as pl

from anonymization.errors import AnonymizationError
from pipelines.contracts.formats import Format
from pipelines.errors import ConfigurationError, DataQualityError, StorageBusyError, TokumeiError
from pipelines.ingestion.enrich import Batch
from pipelines.ingestion.headers import Header
from pipelines.ingestion.quarantine import QUARANTINE
from pipelines.ingestion.readers import Chunk
from pipelines.journeys.chunk import (
    LEDGER_SINKS,
    Bench,
    Portion,
    describe_error,
    discard_on_error,
    new_batch,
    open_bench,
)
from pipelines.journeys.house import open_house
from pipelines.settings import Settings

REJECT_TABLES = ("rejected_lines", QUARANTINE)
LARGE_FILE_CHUNKS = 8  # smaller files are done before the processes have started
CHUNKS_AHEAD = 2  # for each process: the one that it works on, and the next
# One core for each process. glibc, which serves Python and Arrow, keeps a chunk's memory for the next one instead of
# asking the system for it again. Polars' own allocator gives back what lies idle, or it would stay all the same.
ENVIRONMENT = {
    "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "muzzy_decay_ms:0",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}

HeadedChunk = tuple[Chunk, Header | None]


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is told of the file whose chunks it stages: no key, but the ids of those that the others use.

    declared: how it is written. known_line_count: how many lines were taken in before.
    """

    settings: Settings
    source: str
    reject_tables: tuple[str, ...]
    file_id: str
    declared: Format
    known_line_count: int
    key_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Worker:
    """One process, and what it has still to answer."""

    executor: ProcessPoolExecutor
    pending: set[Future[Portion | TokumeiError]] = field(default_factory=set)

    def submit(self, work: Callable[..., Portion | TokumeiError], *what: object) -> None:
        self.pending.add(self.executor.submit(work, *what))


def look_ahead(chunks: Iterator[HeadedChunk], count: int = LARGE_FILE_CHUNKS) -> tuple[Iterator[HeadedChunk], bool]:
    """The same chunks, and whether they are at least so many."""
    first = list(islice(chunks, count))
    is_large = len(first) == count
    return chain((first.pop(0) for _ in range(len(first))), chunks), is_large


def may_share_out(bench: Bench) -> bool:
    """Whether other processes may stage a file's chunks: not when its rows go to the ledger, nor below a daemon.

    Nor when its events have ids, for each line must then be held against all before it.
    """
    is_apart = bench.contract.name not in LEDGER_SINKS and bench.stage.event_ids is None
    return is_apart and bench.house.settings.processes > 1 and not current_process().daemon


def new_order(bench: Bench, batch: Batch, declared: Format, known_line_count: int = 0) -> Order:
    """The order by which another process stages chunks of a file as this bench would."""
    reject_tables = tuple(name for name in REJECT_TABLES if name in bench.stage.tables)
    key_ids = frozenset(key.id for key in batch.keyring.keys)
    settings = bench.house.settings
    return Order(settings, batch.source, reject_tables, batch.file_id, declared, known_line_count, key_ids)


def share_out(order: Order, chunks: Iterable[HeadedChunk], receive: Callable[[Portion], None]) -> None:
    """Have chunks staged by several processes; whatever they staged is received, also when one of them fails.

    Raises the first error that one of them met, and StorageBusyError when one dies.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_start_worker()) for _ in range(order.settings.processes)]
        try:
            _hand_out(workers, order, chunks, receive)
        except BrokenProcessPool:
            raise StorageBusyError(
                f"{order.source}: a process died while it staged a file",
                hint="the file stays in landing; see to the machine's memory, then run ingest again",
            ) from None
        finally:
            _receive_rest(workers, receive)


def _hand_out(
    workers: list[Worker], order: Order, chunks: Iterable[HeadedChunk], receive: Callable[[Portion], None]
) -> None:
    for chunk in chunks:
        while all(len(worker.pending) >= CHUNKS_AHEAD for worker in workers):
            _receive_next(workers, receive)
        min(workers, key=lambda worker: len(worker.pending)).submit(_take, order, chunk)
    for worker in workers:
        worker.submit(_finish, order)
    while any(worker.pending for worker in workers):
        _receive_next(workers, receive)


def _receive_next(workers: list[Worker], receive: Callable[[Portion], None]) -> None:
    """Wait for one answer at least; raises what a process could not do."""
    done, _ = wait([future for worker in workers for future in worker.pending], return_when=FIRST_COMPLETED)
    for future in done:
        for worker in workers:
            worker.pending.discard(future)
        answer = future.result()
        if isinstance(answer, TokumeiError):
            raise answer
        receive(answer)


def _receive_rest(workers: list[Worker], receive: Callable[[Portion], None]) -> None:
    """After an error: the parts that processes write to the end, so that they can be discarded."""
    for future in [future for worker in workers for future in worker.pending]:
        if future.exception() is None and isinstance(answer := future.result(), Portion):
            receive(answer)


@contextmanager
def _start_worker() -> Iterator[Worker]:
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        executor = ProcessPoolExecutor(1, get_context("spawn"), _follow_parent)
        executor.submit(os.getpid)  # the process starts with what is submitted first
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    with executor:
        yield Worker(executor)


def _follow_parent() -> None:
    """End with the process that gives the orders, however that ends; nobody else would end this one."""

    def wait_for_end() -> None:
        if parent := parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=wait_for_end, daemon=True).start()


def _take(order: Order, chunk: HeadedChunk) -> Portion | TokumeiError:
    return _work(order, lambda bench, batch: bench.take_lines(batch, order.declared, *chunk, order.known_line_count))


def _finish(order: Order) -> Portion | TokumeiError:
    return _work(order, lambda bench, _: bench.stage.write_judged())


def _work(order: Order, work: Callable[[Bench, Batch], None]) -> Portion | TokumeiError:
    """What the work adds to this process's bench. An error is the answer, not raised, for then its cause came along."""
    try:
        bench, batch = _open_bench(order)
        with discard_on_error(bench.stage):
            work(bench, batch)
        return bench.stage.hand_over()
    except TokumeiError as error:
        return error
    except AnonymizationError as error:
        return ConfigurationError(str(error), hint="see `tokumei doctor`")
    except OSError as error:
        hint = "the file stays in landing; see to the disk and its permissions, then run ingest again"
        return StorageBusyError(f"{order.source}: {describe_error(error)}", hint=hint)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - its own text may quote a line
        hint = "report this, it is a defect of the pipeline"
        return DataQualityError(f"{order.source}: {describe_error(error)}", hint=hint)


@lru_cache(maxsize=1)
def _open_bench(order: Order) -> tuple[Bench, Batch]:
    house = open_house(order.settings)
    if {key.id for key in house.keyring.keys} != order.key_ids:
        raise StorageBusyError("keys changed while a file was staged", hint="run ingest again")
    contract = house.catalogue.get("sources", order.source)
    batch = new_batch(house, contract, order.file_id, order.declared.files)
    return open_bench(house, contract, order.reject_tables), batch
