"""What can go wrong while anonymising; always terminal, and never holding a value."""


class AnonymizationError(Exception):
    """A column cannot be treated as asked; nothing was let through."""


class UnknownTreatmentError(AnonymizationError):
    """A treatment of a kind that does not exist."""


class NoSuchKeyError(AnonymizationError):
    """The keyring has no key for a purpose."""
