"""Azure Blob containers as the data plane needs them: read, write once, stream, append, lease.

Every call has timeouts and is retried with backoff and jitter on what may pass (`restore.blob_retry`). Azure's SDK is
imported when a container is opened, not before: the CLI's start-up must stay short.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from restore.blob_retry import Limits, with_retries
from restore.errors import AlreadyExists, Changed, ConfigurationError, MissingBackup
from restore.lease import DURATION_S, Lease
from restore.settings import Environment

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

T = TypeVar("T")
RANGE = 4 * 1024 * 1024
"""Bytes of one ranged read."""
READ_AHEAD = 3
"""Ranges on their way at once."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What storage says about a blob; `modified` is storage's clock, UTC."""

    name: str
    size: int
    etag: str
    modified: datetime


def open_container(
    url: str, *, env: Environment | None = None, limits: Limits | None = None, credential: Any = None
) -> Container:
    """The container at `url` (`https://account.blob.core.windows.net/name`); nothing is asked of storage yet.

    Credential: the given one, else AZURE_STORAGE_SAS_TOKEN, else AZURE_STORAGE_KEY, else azure-identity's default
    chain (managed identity, workload identity, az login).

    Raises:
        ConfigurationError: the URL is no container's, or plain http beyond loopback.
    """
    from azure.core.credentials import AzureSasCredential
    from azure.storage.blob import ContainerClient

    env = os.environ if env is None else env
    limits = limits or Limits()
    parts = urlsplit(url)
    segments = [segment for segment in parts.path.split("/") if segment]
    if parts.scheme not in ("https", "http") or not parts.hostname or not segments or parts.query:
        raise ConfigurationError(
            "is not a container's URL (https://<account>.blob.core.windows.net/<container>, no query)",
            where=url.partition("?")[0],
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigurationError("plain http is for loopback only", where=url, next_step="Use https.")
    if credential is not None:
        pass
    elif token := env.get("AZURE_STORAGE_SAS_TOKEN"):
        credential = AzureSasCredential(token.lstrip("?"))
    elif key := env.get("AZURE_STORAGE_KEY"):
        account = segments[0] if len(segments) > 1 else parts.hostname.partition(".")[0]
        credential = {"account_name": account, "account_key": key}
    else:
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
    client = ContainerClient.from_container_url(
        url.rstrip("/"),
        credential=credential,
        retry_total=0,
        connection_timeout=limits.connect_s,
        read_timeout=limits.read_s,
        max_single_get_size=RANGE,
        max_chunk_get_size=RANGE,
    )
    return Container(client, url.rstrip("/"), limits)


class Container:
    """One container. Names are blob names; every error is a `DataPlaneError`."""

    def __init__(self, client: ContainerClient, url: str, limits: Limits) -> None:
        self.url = url
        self.limits = limits
        self._client = client

    def __str__(self) -> str:
        return self.url

    # --- reading ---------------------------------------------------------------------------------------------

    def list(self, prefix: str) -> list[BlobInfo]:
        """Every blob below `prefix`, by name."""

        def call() -> list[BlobInfo]:
            found = self._client.list_blobs(name_starts_with=prefix)
            return [BlobInfo(b.name, b.size or 0, _unquoted(b.etag), b.last_modified) for b in found]

        return self._retried(prefix, call)

    def stat(self, name: str) -> BlobInfo | None:
        """Size and ETag, or None if there is no such blob."""

        def call() -> BlobInfo:
            found = self._blob(name).get_blob_properties()
            return BlobInfo(name, found.size, _unquoted(found.etag), found.last_modified)

        try:
            return self._retried(name, call)
        except MissingBackup:
            return None

    def read(self, name: str) -> bytes | None:
        """A small blob's whole content, or None if there is no such blob."""
        found = self.read_with_etag(name)
        return None if found is None else found[0]

    def read_with_etag(self, name: str) -> tuple[bytes, str] | None:
        """Content and ETag of one and the same version, or None."""

        def call() -> tuple[bytes, str]:
            download = self._blob(name).download_blob()
            return download.readall(), _unquoted(download.properties.etag)

        try:
            return self._retried(name, call)
        except MissingBackup:
            return None

    def stream(self, info: BlobInfo, *, stop: threading.Event | None = None) -> Iterator[bytes]:
        """The blob's bytes in order, in ranges of RANGE, a few read ahead; pinned to the version in `info`.

        Raises:
            Changed: the blob was replaced since `info` was read.
            MissingBackup: it is gone.
        """
        from azure.core import MatchConditions

        blob = self._blob(info.name)

        def fetch(offset: int) -> bytes:
            length = min(RANGE, info.size - offset)

            def call() -> bytes:
                return blob.download_blob(
                    offset, length, etag=info.etag, match_condition=MatchConditions.IfNotModified
                ).readall()

            return self._retried(info.name, call, stop)

        ahead: deque[Future[bytes]] = deque()
        pool = ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="blob-read")
        try:
            for offset in range(0, info.size, RANGE):
                ahead.append(pool.submit(fetch, offset))
                if len(ahead) == READ_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    # --- writing ---------------------------------------------------------------------------------------------

    def write(
        self,
        name: str,
        data: bytes,
        *,
        overwrite: bool = False,
        if_match: str = "",
        lease: Lease | None = None,
    ) -> str:
        """Store a small blob whole; returns its new ETag.

        Args:
            overwrite: False writes only if there is no such blob (If-None-Match: *).
            if_match: write only over the version with this ETag.
            lease: ours, if the blob is leased.

        Raises:
            AlreadyExists: `overwrite` is False and there is a blob with other content.
            Changed: `if_match` is not the current version.
        """
        from azure.core import MatchConditions

        conditions: dict[str, Any] = {"lease": lease.id} if lease else {}
        if if_match:
            conditions |= {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        tries = 0

        def call() -> str:
            nonlocal tries
            tries += 1
            done = self._blob(name).upload_blob(
                data, overwrite=overwrite or bool(if_match), validate_content=True, **conditions
            )
            return _unquoted(done["etag"])

        try:
            return self._retried(name, call)
        except (AlreadyExists, Changed):
            # A retried write may meet its own first try, whose answer was lost.
            if tries > 1 and (found := self.read_with_etag(name)) is not None and found[0] == data:
                return found[1]
            raise

    def ensure(self, name: str) -> None:
        """Make an empty blob if there is none; leaves an existing one alone."""
        if self.stat(name) is None:
            try:
                self.write(name, b"")
            except AlreadyExists:
                return

    def append(self, name: str, data: bytes, *, at: int | None = None, lease: Lease | None = None) -> int:
        """Add `data` (≤ 4 MiB) to an append blob, made if missing; returns its new size. Safe to retry: never twice.

        Args:
            at: the size that the blob must have now; None takes what it has.

        Raises:
            Changed: somebody else appended in between, or `at` does not hold.
        """
        held: dict[str, Any] = {"lease": lease.id} if lease else {}
        found = self.stat(name)
        if found is None:
            self._create_append_blob(name)
        size = (found.size if found else 0) if at is None else at

        def call() -> int:
            self._blob(name).append_block(data, length=len(data), appendpos_condition=size, **held)
            return size + len(data)

        try:
            return self._retried(name, call)
        except Changed:
            now = self.read(name)
            if now is not None and len(now) == size + len(data) and now[size:] == data:
                return len(now)  # our own first try had arrived
            raise

    def stage_block(
        self, name: str, block_id: str, data: bytes, *, stop: threading.Event | None = None
    ) -> None:
        """Upload one block of a blob to be; invisible until `commit_blocks`. Retried under the same id."""

        def call() -> None:
            self._blob(name).stage_block(block_id, data, length=len(data), validate_content=True)

        self._retried(name, call, stop)

    def commit_blocks(self, name: str, block_ids: list[str], *, fingerprint: str) -> None:
        """Make the blob visible, whole, only if there is none of that name yet.

        Args:
            fingerprint: its sha256, kept as metadata; tells a lost answer from somebody else's blob.

        Raises:
            AlreadyExists: there is a blob of that name, and it is not this one.
        """
        from azure.core import MatchConditions
        from azure.storage.blob import BlobBlock, ContentSettings

        def call() -> None:
            self._blob(name).commit_block_list(
                [BlobBlock(block_id=one) for one in block_ids],
                match_condition=MatchConditions.IfMissing,
                metadata={"sha256": fingerprint},
                content_settings=ContentSettings(content_type="application/zstd"),
            )

        def stored() -> str:
            return str((self._blob(name).get_blob_properties().metadata or {}).get("sha256", ""))

        try:
            self._retried(name, call)
        except AlreadyExists:
            if self._retried(name, stored) != fingerprint:
                raise

    # --- leases (used by restore.lease) ----------------------------------------------------------------------

    def lease(self, name: str, *, what: str, duration_s: int = DURATION_S) -> Lease:
        """Take the lease on `name`; see `Lease.acquire`."""
        return Lease.acquire(self, name, what=what, duration_s=duration_s)

    def lease_acquire(self, name: str, duration_s: int) -> str:
        from azure.storage.blob import BlobLeaseClient

        lease: Any = BlobLeaseClient(self._blob(name))
        self._retried(name, lambda: lease.acquire(lease_duration=duration_s))
        return str(lease.id)

    def lease_renew(self, name: str, lease_id: str) -> None:
        from azure.storage.blob import BlobLeaseClient

        self._retried(name, BlobLeaseClient(self._blob(name), lease_id=lease_id).renew)

    def lease_release(self, name: str, lease_id: str) -> None:
        from azure.storage.blob import BlobLeaseClient

        self._retried(name, BlobLeaseClient(self._blob(name), lease_id=lease_id).release)

    # -----------------------------------------------------------------------------------------------------------

    def _create_append_blob(self, name: str) -> None:
        from azure.core import MatchConditions

        def call() -> None:
            self._blob(name).create_append_blob(match_condition=MatchConditions.IfMissing)

        try:
            self._retried(name, call)
        except AlreadyExists:
            return

    def _blob(self, name: str) -> BlobClient:
        return self._client.get_blob_client(name)

    def _retried(self, name: str, call: Callable[[], T], stop: threading.Event | None = None) -> T:
        return with_retries(call, where=f"{self.url}/{name}", limits=self.limits, stop=stop)


def _unquoted(etag: str | None) -> str:
    return (etag or "").strip('"')
