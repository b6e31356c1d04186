"""restore/envelope.py: what is sealed comes back, and nothing else ever does."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.envelope import MAGIC, Recipient, Sealer, from_pem, opened
from restore.errors import ConfigurationError, CorruptBackup, WrongKey

CHUNK = 64


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    del name  # one key a name
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def recipient(name: str) -> Recipient:
    public = key(name).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Recipient.from_pem(name, pem)


def private(name: str) -> bytes:
    return key(name).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def sealed(plain: bytes, *names: str, cuts: int = 7) -> bytes:
    sealer = Sealer([recipient(name) for name in names], chunk=CHUNK)
    body = b"".join(sealer.seal(plain[at : at + cuts]) for at in range(0, len(plain), cuts))
    return sealer.head + body + sealer.finish()


def read(blob: bytes, *names: str) -> bytes:
    return b"".join(
        opened([blob[:9], blob[9:]], {name: from_pem(name, private(name)) for name in names}, "b")
    )


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=5 * CHUNK), st.integers(1, 3 * CHUNK))
def test_it_comes_back(plain: bytes, cuts: int) -> None:
    assert read(sealed(plain, "vault", "kms", cuts=cuts), "kms") == plain


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_byte_or_a_cut_is_found(data: st.DataObject) -> None:
    blob = sealed(b"x" * 200, "vault")
    at = data.draw(st.integers(0, len(blob) - 1))
    changed = blob[:at] + bytes([blob[at] ^ data.draw(st.integers(1, 255))]) + blob[at + 1 :]
    for broken in (changed, blob[:at], blob + b"\0" * 5):
        with pytest.raises((CorruptBackup, WrongKey)):
            read(broken, "vault")


def chunks(blob: bytes) -> tuple[bytes, list[bytes]]:
    at = len(MAGIC) + 4 + int.from_bytes(blob[len(MAGIC) : len(MAGIC) + 4], "big")
    head, found = blob[:at], []
    while at < len(blob):
        size = 4 + int.from_bytes(blob[at : at + 4], "big")
        found.append(blob[at : at + size])
        at += size
    return head, found


def test_chunks_cannot_be_moved_repeated_dropped_or_taken_from_another_blob() -> None:
    head, mine = chunks(sealed(bytes(range(256)) * 2, "vault"))
    _, other = chunks(sealed(bytes(range(256)) * 2, "vault"))
    assert len(mine) == 8
    for broken in (
        [mine[1], mine[0], *mine[2:]],
        [mine[0], *mine],
        mine[1:],
        mine[:-1],
        [*mine[:3], other[3], *mine[4:]],
        [*mine[:-1], other[-1]],
    ):
        with pytest.raises(CorruptBackup):
            read(head + b"".join(broken), "vault")


def test_f06_a_wrong_key_is_told_apart_from_damage_and_names_the_keys() -> None:
    blob = sealed(b"secret", "vault-2025", "kms-2025")
    with pytest.raises(WrongKey, match=r"encrypted for .*kms-2025.*we have vault-2026"):
        read(blob, "vault-2026")
    with pytest.raises(WrongKey, match="another one"):
        list(opened([blob], {"vault-2025": from_pem("vault-2025", private("somebody-else"))}, "b"))
    assert read(blob, "vault-2026", "vault-2025") == b"secret"  # old sets stay readable with retained keys


def test_weak_and_foreign_keys_are_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = weak.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for bad in (pem, b"no key"):
        with pytest.raises(ConfigurationError):
            Recipient.from_pem("k", bad)
    with pytest.raises(ConfigurationError):
        Sealer([])
