"""Which partitions can hold a subject, by the names of directories as they are on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

BUCKET = re.compile(r"subject_bucket=([0-9]{1,9})")

Buckets = Mapping[Path, frozenset[int]]  # of the subjects looked for, by directory of a table


def is_outlying(path: Path, buckets: Buckets) -> bool:
    """Whether a file lies in one bucket of one of these tables, and that is none of the subjects'.

    Anything else is not: a file beside the buckets, in one within another, or under a name that is no bucket's.
    """
    for table, held in buckets.items():
        if path.is_relative_to(table):
            names = [part for part in path.relative_to(table).parts[:-1] if part.startswith("subject_bucket")]
            found = BUCKET.fullmatch(names[0]) if len(names) == 1 else None
            return found is not None and int(found[1]) not in held
    return False
