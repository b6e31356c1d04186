"""Client-side encryption of what is stored: readable only with a private key that the writing side does not have.

Every blob has a data key of its own (AES-256-GCM), wrapped for each recipient's RSA public key (RSA-OAEP-SHA256, what
Key Vault, KMS and a PEM file all unwrap). The backup host knows public keys only, so a stolen host reads no backup, and
a restore needs nothing of AWS. Chunks follow the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): index
and final flag are in the nonce, the header's hash is authenticated with every chunk; a chunk that is changed, moved,
repeated or missing at the end is found.

    "PLANB\\x01" | header length (4, big endian) | header (JSON) | per chunk: length (4) | ciphertext and tag
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from restore.errors import ConfigurationError, CorruptBackup, WrongKey

MAGIC = b"PLANB\x01"
CHUNK = 1024 * 1024
TAG = 16
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)

Unwrap = Callable[[bytes], bytes]
"""A wrapped data key to the data key; raises WrongKey or Unauthorized."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who may read: the key's id (as in Key Vault, KMS, or a name of ours) and its public half."""

    key_id: str
    public_key: rsa.RSAPublicKey

    @classmethod
    def from_pem(cls, key_id: str, pem: bytes) -> Recipient:
        """ConfigurationError unless it is an RSA public key of 3072 bits or more."""
        try:
            key = serialization.load_pem_public_key(pem)
        except ValueError:
            raise ConfigurationError("is no public key in PEM", where=key_id) from None
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 3072:
            raise ConfigurationError("is not an RSA key of at least 3072 bits", where=key_id)
        return cls(key_id, key)


class Sealer:
    """Encrypts one stream: `head`, then `seal` of each piece, then `finish`."""

    def __init__(self, recipients: Iterable[Recipient], *, chunk: int = CHUNK) -> None:
        data_key, self._prefix = secrets.token_bytes(32), secrets.token_bytes(7)
        chosen = list(recipients)
        self.key_ids = [one.key_id for one in chosen]
        if not chosen:
            raise ConfigurationError("there is nobody to encrypt for", where="encryption")
        header = {
            "algorithm": "AES-256-GCM",
            "chunk": chunk,
            "prefix": self._prefix.hex(),
            "keys": {
                one.key_id: base64.b64encode(one.public_key.encrypt(data_key, _OAEP)).decode()
                for one in chosen
            },
        }
        text = json.dumps(header, sort_keys=True).encode()
        self.head = MAGIC + len(text).to_bytes(4, "big") + text
        self._bound = hashlib.sha256(self.head).digest()
        self._cipher, self._chunk = AESGCM(data_key), chunk
        self._rest, self._index = bytearray(), 0

    def seal(self, piece: bytes) -> bytes:
        """What can be written now; the last chunk is kept back until `finish`."""
        self._rest += piece
        out: list[bytes] = []
        while len(self._rest) > self._chunk:
            out.append(self._sealed(bytes(self._rest[: self._chunk]), final=False))
            del self._rest[: self._chunk]
        return b"".join(out)

    def finish(self) -> bytes:
        """The last chunk, perhaps an empty one."""
        return self._sealed(bytes(self._rest), final=True)

    def _sealed(self, plain: bytes, *, final: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._index, final), plain, self._bound)
        self._index += 1
        return len(sealed).to_bytes(4, "big") + sealed


def _nonce(prefix: bytes, index: int, final: bool) -> bytes:
    return prefix + index.to_bytes(4, "big") + bytes([final])


def opened(pieces: Iterable[bytes], unwrap: Mapping[str, Unwrap], where: str) -> Iterator[bytes]:
    """The plain stream of a sealed one; nothing that is not authentic comes out.

    Args:
        unwrap: by key id; any one of the stream's keys will do.

    Raises:
        WrongKey: none of the keys is ours.
        CorruptBackup: it is not what was sealed, or ends too early.
    """
    source = _Reader(pieces, where)
    magic, size = source.take(len(MAGIC)), source.take(4)
    if magic != MAGIC:
        raise _corrupt(where, "the encrypted blob does not begin as one")
    text = source.take(int.from_bytes(size, "big"))
    header = _header(text, where)
    bound = hashlib.sha256(magic + size + text).digest()
    cipher = AESGCM(_data_key(header["keys"], unwrap, where))
    prefix, limit, index, final = bytes.fromhex(header["prefix"]), header["chunk"] + TAG, 0, False
    while not final:
        length = int.from_bytes(source.take(4), "big")
        if not TAG <= length <= limit:
            raise _corrupt(where, f"chunk {index} says {length} bytes")
        sealed = source.take(length)
        final = source.ended()
        try:
            plain = cipher.decrypt(_nonce(prefix, index, final), sealed, bound)
        except InvalidTag:
            raise _corrupt(where, f"chunk {index} is not what was written") from None
        index += 1
        yield plain


def _header(text: bytes, where: str) -> dict[str, Any]:
    try:
        found = cast("dict[str, Any]", json.loads(text))
        if found["algorithm"] != "AES-256-GCM" or len(bytes.fromhex(found["prefix"])) != 7:
            raise ValueError
        found["keys"] = {
            str(name): base64.b64decode(one, validate=True) for name, one in found["keys"].items()
        }
        found["chunk"] = int(found["chunk"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _corrupt(where, "the encrypted blob's header is garbled") from None
    return found


def _data_key(wrapped: Mapping[str, bytes], unwrap: Mapping[str, Unwrap], where: str) -> bytes:
    for key_id, one in wrapped.items():
        if key_id in unwrap:
            return unwrap[key_id](one)
    raise WrongKey(
        f"it is encrypted for {', '.join(wrapped)}; we have {', '.join(unwrap) or 'no key'}",
        where=where,
        meaning="The backup is whole; without one of its keys nobody can read it.",
        next_step="Give the key that was valid when it was taken (keep rotated keys as long as their backups).",
    )


def from_pem(key_id: str, pem: bytes) -> Unwrap:
    """Unwraps with a private key in PEM."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ConfigurationError("is no private key in PEM without a passphrase", where=key_id) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError("is not an RSA key", where=key_id)

    def unwrap(wrapped: bytes) -> bytes:
        try:
            return key.decrypt(wrapped, _OAEP)
        except ValueError:
            raise WrongKey(
                "the key of that id is another one than the backup was encrypted for",
                where=key_id,
                next_step="Give the key that was valid when it was taken.",
            ) from None

    return unwrap


class _Reader:
    def __init__(self, pieces: Iterable[bytes], where: str) -> None:
        self._pieces, self._where, self._rest = iter(pieces), where, bytearray()

    def take(self, size: int) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                raise _corrupt(self._where, "the encrypted blob ends too early")
            self._rest += piece
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def ended(self) -> bool:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._rest += piece
        return False


def _corrupt(where: str, what: str) -> CorruptBackup:
    return CorruptBackup(
        what,
        where=where,
        meaning="It is not what was stored; nothing of it is used.",
        next_step="Use the backup before it (planb backup list).",
    )
