"""Every error of the pipeline, grouped by what the caller does next. No message ever holds a data value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Self


class TokumeiError(Exception):
    """What went wrong, where and which limit, with one hint on what to do; printed as one line."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.hint}"

    def __reduce__(self) -> tuple[Callable[[], Self], tuple[()]]:
        """As exceptions are pickled by default, the hint would be lost between processes, and the pickle with it."""
        return partial(type(self), self.args[0], hint=self.hint), ()


class TransientError(TokumeiError):
    """Try again later: nothing is wrong with the data or the configuration."""


class StorageBusyError(TransientError):
    """A table or the ledger was changed by someone else at the same moment, too many times in a row."""


class TableChangingError(StorageBusyError):
    """A table moved on before each of many commits, so that none of them stands."""


class FileUnfinishedError(TransientError):
    """A file in landing is still being written, or changed while it was read; it is left for a later run."""


class DeliveryFailedError(TransientError):
    """A message could not be delivered now; it stays in the outbox and is tried again."""


class SenderMissingError(DeliveryFailedError):
    """Nothing is set up that carries messages of a channel; they stay until something is."""


class DeliveryRefusedError(TokumeiError):
    """A message will not be taken, however often it is sent."""


class ConfigurationError(TokumeiError):
    """Fix the installation or a contract, then run again; retrying alone does not help."""


class ContractInvalidError(ConfigurationError):
    """A data contract breaks the ODCS schema or the house policy."""


class UntreatedColumnError(ContractInvalidError):
    """A column has no treatment, so nothing is loaded into it."""


class MissingKeyError(ConfigurationError):
    """A key of the keyring that this step needs does not exist."""


class HomeUnwritableError(ConfigurationError):
    """The home directory cannot be written."""


class PortInUseError(ConfigurationError):
    """A loopback port that the embedded Airflow needs is taken."""


class IntakeRefusedError(TokumeiError):
    """The intake service does not take a request as it was sent; whoever sent it changes it."""


class KeyReusedError(IntakeRefusedError):
    """An idempotency key came again with other content."""


class NonceReusedError(IntakeRefusedError):
    """A signed request came again, byte for byte."""


class DataQualityError(TokumeiError):
    """Stop, and keep the last good tables."""


class RejectRateExceededError(DataQualityError):
    """More lines of a file were rejected than its contract allows."""


class ReconciliationError(DataQualityError):
    """read = accepted + rejected + duplicate + suppressed does not hold."""


class GateFailedError(DataQualityError):
    """A critical rule of a contract is broken."""


class DeletionError(TokumeiError):
    """Page a person: a deletion cannot go on, and is not complete."""


class PlanChangedError(DeletionError):
    """What the approved plan covers has changed since it was made."""


class SameEyesError(DeletionError):
    """Whoever filed a request would approve it, where four eyes are set."""


class PlanTooLargeError(DeletionError):
    """A plan would take a larger share of some dataset, or of all members, than anybody has accepted."""


class RestoredCopyError(DeletionError):
    """Ledger, lake or certificates are not of one time: a copy was restored, and may bring back who was deleted."""


class DeletionIncompleteError(DeletionError):
    """The independent scan still found the subject, or something could not be read."""


class UndeclaredDataError(DeletionIncompleteError):
    """Something is stored that no contract declares and that is not the house's own: no deletion would reach it."""


class RightsError(DeletionError):
    """Page a person: a request for access, correction or suspension of use cannot go on, and is not complete."""


class ProofFailedError(RightsError):
    """What was done for a request is not what an independent look at the stored bytes shows."""


class DeadlineMissedError(DeletionError):
    """Requests are past the day by which their deletion was promised."""


class CertificateInvalidError(DeletionError):
    """A certificate's signature, chain or scope does not verify."""
