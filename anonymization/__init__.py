"""Turns frames with people in them into frames without; knows no file, table or contract, and does no I/O."""

import os

# tldextract, which Presidio imports, reads this once; unset, its first use fetches a list from the network.
os.environ.setdefault("TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS", "")
