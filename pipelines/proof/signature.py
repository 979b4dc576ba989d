"""Ed25519 signatures of certificates: compact JWS and the public JWK set that verifies them (RFC 7515, 7517, 8037)."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pipelines.errors import CertificateInvalidError, ConfigurationError

ALGORITHM = "EdDSA"
MEDIA_TYPE = "deletion-certificate+jws"
# Exactly three unpadded base64url parts, so that no two different files can be the same certificate.
COMPACT_FORM = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
HINT = "do not rely on it: compare with a copy kept elsewhere and tell the compliance officer"

PublicKeys = Mapping[str, Ed25519PublicKey]


def new_signing_key() -> bytes:
    """A new Ed25519 private key as unencrypted PKCS #8 PEM, to be stored by the caller with mode 0600."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_signing_key(pem: bytes) -> Ed25519PrivateKey:
    """The private key in the PEM; raises ConfigurationError for anything but Ed25519."""
    hint = "make the signing key with `tokumei keys init`"
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ConfigurationError("the certificate signing key is not an unencrypted PEM key", hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("the certificate signing key is not an Ed25519 key", hint=hint)
    return key


def sign(payload: bytes, key: Ed25519PrivateKey, media_type: str = MEDIA_TYPE) -> bytes:
    """The payload as a compact JWS."""
    headers = {"kid": name_key(key.public_key()), "typ": media_type}
    return jwt.PyJWS().encode(payload, key, algorithm=ALGORITHM, headers=headers).encode()


def open_signed(signed: bytes, keys: PublicKeys, name: str) -> tuple[bytes, str]:
    """The payload and the id of the key that signed it; raises CertificateInvalidError naming `name` and the rule."""
    if not COMPACT_FORM.fullmatch(signed):
        raise invalid(name, "is not one compact JWS")
    try:
        header = jwt.get_unverified_header(signed)
    except jwt.PyJWTError:
        raise invalid(name, "has a header that cannot be read") from None
    key_id = str(header.get("kid"))
    if header != {"alg": ALGORITHM, "kid": key_id, "typ": MEDIA_TYPE}:
        raise invalid(name, f"must have the header alg {ALGORITHM}, kid, typ {MEDIA_TYPE} and nothing else")
    if key_id not in keys:
        raise invalid(name, "is signed with a key that is not in the key set")
    try:
        payload: bytes = jwt.PyJWS().decode(signed, keys[key_id], algorithms=[ALGORITHM])
    except jwt.PyJWTError:
        raise invalid(name, "has a signature that does not verify") from None
    return payload, key_id


def invalid(name: str, rule: str) -> CertificateInvalidError:
    return CertificateInvalidError(f"certificate {name} {rule}", hint=HINT)


def read_public_keys(key_set: bytes, name: str) -> PublicKeys:
    """The Ed25519 keys of a JWK set by id; raises CertificateInvalidError for no set, or a wrong id."""
    try:
        keys = [read_public_key(entry) for entry in orjson.loads(key_set)["keys"]]
    except (ValueError, TypeError, LookupError, AttributeError):
        raise CertificateInvalidError(f"key set {name} is not a JWK set of Ed25519 keys", hint=HINT) from None
    return {name_key(key): key for key in keys}


def read_public_key(entry: Mapping[str, str]) -> Ed25519PublicKey:
    coordinate = entry["x"].encode()
    key = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(coordinate + b"=="))
    if (entry["kty"], entry["crv"], entry["kid"]) != ("OKP", "Ed25519", name_key(key)):
        raise ValueError
    return key


def write_public_keys(keys: Iterable[Ed25519PublicKey]) -> bytes:
    """The JWK set of the keys, one indented entry each."""
    return orjson.dumps({"keys": [describe_public_key(key) for key in keys]}, option=orjson.OPT_INDENT_2) + b"\n"


def describe_public_key(key: Ed25519PublicKey) -> dict[str, str]:
    coordinate = encode_base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return {"kty": "OKP", "crv": "Ed25519", "x": coordinate, "kid": name_key(key), "use": "sig", "alg": ALGORITHM}


def name_key(key: Ed25519PublicKey) -> str:
    """The key's RFC 7638 thumbprint."""
    coordinate = encode_base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    members = {"crv": "Ed25519", "kty": "OKP", "x": coordinate}
    return encode_base64url(hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest())


def encode_base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
