"""Reversible encryption of addresses by draft-denis-ipcrypt, in batches: every function takes and gives a whole array.

Addresses are rows of 16 bytes, IPv4 mapped into IPv6, in network order. The tweakable ipcrypt-nd is left out: it needs
a variant of AES that no library has.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from anonymization.errors import AnonymizationError

Rows = npt.NDArray[np.uint8]  # n x 16
Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

ADDRESS_BYTES, ADDRESS_BITS, WORD_BITS = 16, 128, 64
MAPPED_BITS, MAPPED_WORD = 96, 0xFFFF  # what precedes an IPv4 address
KEY_BYTES, LONG_KEY_BYTES = 16, 32


def encrypt_deterministic(addresses: Rows, key: bytes) -> Rows:
    """ipcrypt-deterministic: AES-128 of each address. key: 16 bytes."""
    return _run_aes(addresses, key)


def decrypt_deterministic(encrypted: Rows, key: bytes) -> Rows:
    """The addresses that `encrypt_deterministic` was given."""
    return _run_aes(encrypted, key, decrypting=True)


def encrypt_extended(addresses: Rows, tweaks: Rows, key: bytes) -> Rows:
    """ipcrypt-ndx without the tweak before it: AES-XTS of one block. tweaks: n x 16, random; key: 32 bytes."""
    first, second = _split_key(key)
    mask = _run_aes(tweaks, second)
    return _run_aes(addresses ^ mask, first) ^ mask


def decrypt_extended(encrypted: Rows, tweaks: Rows, key: bytes) -> Rows:
    """The addresses that `encrypt_extended` was given with the same tweaks."""
    first, second = _split_key(key)
    mask = _run_aes(tweaks, second)
    return _run_aes(encrypted ^ mask, first, decrypting=True) ^ mask


def encrypt_prefixes(addresses: Rows, key: bytes) -> Rows:
    """ipcrypt-pfx: two addresses that share n bits still share exactly n; IPv4 stays IPv4. key: 32 bytes."""
    return _map_prefixes(addresses, key, decrypting=False)


def decrypt_prefixes(encrypted: Rows, key: bytes) -> Rows:
    """The addresses that `encrypt_prefixes` was given."""
    return _map_prefixes(encrypted, key, decrypting=True)


def _run_aes(blocks: Rows, key: bytes, *, decrypting: bool = False) -> Rows:
    if len(key) != KEY_BYTES:
        raise AnonymizationError(f"a key of ipcrypt is not {KEY_BYTES} bytes")
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - the draft's construction: blocks are independent
    run = cipher.decryptor() if decrypting else cipher.encryptor()
    return np.frombuffer(run.update(np.ascontiguousarray(blocks).tobytes()), np.uint8).reshape(-1, ADDRESS_BYTES)


def _split_key(key: bytes) -> tuple[bytes, bytes]:
    first, second = key[:KEY_BYTES], key[KEY_BYTES:]
    if len(key) != LONG_KEY_BYTES or first == second:
        raise AnonymizationError(f"a key of ipcrypt is not {LONG_KEY_BYTES} bytes of two different halves")
    return first, second


def _map_prefixes(addresses: Rows, key: bytes, *, decrypting: bool) -> Rows:
    words = np.ascontiguousarray(addresses).view(">u8").astype(np.uint64).reshape(-1, 2)
    is_mapped = (words[:, 0] == 0) & (words[:, 1] >> np.uint64(32) == MAPPED_WORD)
    made = np.empty_like(words)
    for rows, fixed in ((is_mapped, MAPPED_BITS), (~is_mapped, 0)):
        made[rows] = _walk_bits(words[rows], fixed, _split_key(key), decrypting=decrypting)
    return made.astype(">u8").view(np.uint8).reshape(-1, ADDRESS_BYTES)


def _walk_bits(words: Words, fixed: int, keys: tuple[bytes, bytes], *, decrypting: bool) -> Words:
    """Flip each bit by what the two ciphers make of the plain bits before it, once for each distinct prefix.

    In order of the addresses, equal prefixes are neighbours, whether plain or encrypted: they need no search.
    """
    order = np.lexsort((words[:, 1], words[:, 0]))
    given = words[order]
    shared = _count_shared_bits(given)
    made = given.copy()
    for length in range(fixed, ADDRESS_BITS):
        begins = shared < length
        prefixes = _pad_prefixes((made if decrypting else given)[begins], length)
        first, second = (_run_aes(prefixes, key)[:, -1] for key in keys)
        flips = ((first ^ second) & 1).astype(np.uint64)[np.cumsum(begins) - 1]
        half, place = divmod(length, WORD_BITS)
        made[:, half] ^= flips << np.uint64(WORD_BITS - 1 - place)
    walked = np.empty_like(made)
    walked[order] = made
    return walked


def _count_shared_bits(ordered: Words) -> Places:
    """How many leading bits each row has in common with the row before it; less than none for the first."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    differences = (ordered[1:] ^ ordered[:-1]).astype(">u8").view(">u4").reshape(-1, 4)
    lengths = np.frexp(differences.astype(np.float64))[1].astype(np.int64)  # exact, as a half word fits a float
    first = np.argmax(differences != 0, axis=1)
    leading = 32 * first + 32 - lengths[np.arange(len(first)), first]
    shared = np.where(differences.any(axis=1), leading, ADDRESS_BITS)
    return np.concatenate([np.full(1, -1), shared])


def _pad_prefixes(words: Words, length: int) -> Rows:
    """The block of each prefix: its bits at the end, a one before them, zeros before that."""
    padded = np.zeros_like(words)
    high, low = words[:, 0], words[:, 1]
    if 0 < length <= WORD_BITS:
        padded[:, 1] = high >> np.uint64(WORD_BITS - length)
    elif length > WORD_BITS:
        spare = np.uint64(ADDRESS_BITS - length)
        padded[:, 0] = high >> spare
        padded[:, 1] = low >> spare | high << (np.uint64(WORD_BITS) - spare)
    half, place = divmod(length, WORD_BITS)
    padded[:, 1 - half] |= np.uint64(1 << place)
    return padded.astype(">u8").view(np.uint8).reshape(-1, ADDRESS_BYTES)
