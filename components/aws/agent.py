"""The agent's artefact: built from this checkout, stored in a private bucket, named by version and content.

A host installs exactly the bytes whose hash stands in its user data. The archive is the same on every machine for the
same sources: sorted names, one date, no compression (whose output depends on the library's version).
"""

from __future__ import annotations

import hashlib
import io
import json
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_aws import get_caller_identity_output, s3

from components.aws.buckets import encrypted, shut
from components.aws.documents import bucket_tls_only
from components.naming import child, tags

LOCK = "requirements.lock"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can say


@dataclass(frozen=True)
class Archive:
    """The bytes, their hash, and the key under which they are stored."""

    content: bytes
    sha256: str
    key: str


def build(root: Path) -> Archive:
    """The archive of the checkout at `root`: the package restore/ and the lock file of what it needs."""
    version = str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    package = root / "restore"
    files = {f"restore/{path.relative_to(package).as_posix()}": path for path in package.rglob("*.py")}
    files[LOCK] = root / "restore" / LOCK
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, files[name].read_bytes())
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    return Archive(content, digest, f"agent/{version}/planb-agent-{digest[:16]}.zip")


@dataclass(frozen=True, kw_only=True)
class AgentArgs:
    """`root` is the checkout; `protect` keeps the bucket while there is something in it."""

    project: str
    root: Path
    protect: bool


class Agent(pulumi.ComponentResource):
    """A private, versioned bucket that speaks TLS only, and the artefact in it."""

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Agent", name, None, opts)
        account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        bucket = s3.Bucket(
            f"{name}-artefacts",
            # Bucket names are the whole world's: the account's number makes it ours.
            bucket=account.apply(lambda id_: f"{args.project}-artefacts-{id_}"),
            force_destroy=not args.protect,
            tags=tags(f"{args.project}-artefacts"),
            opts=child(self),
        )
        closed = shut(f"{name}-artefacts", bucket.bucket, child(self))
        versioned = s3.BucketVersioning(
            f"{name}-artefacts",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child(self),
        )
        # Program text, no secret: S3's own key, so that a host needs no right on ours to start.
        sealed = encrypted(f"{name}-artefacts", bucket.bucket, child(self))
        policy = s3.BucketPolicy(
            f"{name}-artefacts",
            bucket=bucket.bucket,
            policy=bucket.arn.apply(
                lambda arn: json.dumps({"Version": "2012-10-17", "Statement": [bucket_tls_only(arn)]})
            ),
            # Both write the bucket's policy settings, and S3 refuses the one while the other is under way.
            opts=child(self, depends_on=[closed]),
        )
        self.archive = build(args.root)
        item = s3.BucketObjectv2(
            f"{name}-agent",
            bucket=bucket.bucket,
            key=self.archive.key,
            source=pulumi.FileAsset(str(_written(args.root, self.archive))),
            content_type="application/zip",
            checksum_algorithm="SHA256",
            tags=tags(f"{args.project}-agent"),
            opts=child(self, depends_on=[versioned, sealed, policy]),
        )
        self.bucket: pulumi.Output[str] = bucket.bucket
        self.arn: pulumi.Output[str] = pulumi.Output.concat(bucket.arn, "/", item.key)
        self.account: pulumi.Output[str] = account
        self.stored: pulumi.Resource = item
        self.register_outputs({"bucket": self.bucket, "key": item.key, "sha256": self.archive.sha256})


def _written(root: Path, archive: Archive) -> Path:
    """The archive as a file below build/, since Pulumi takes binary content from a file only."""
    path = root / "build" / "agent" / Path(archive.key).name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != archive.content:
        scratch = path.with_suffix(".new")
        scratch.write_bytes(archive.content)
        scratch.rename(path)
    return path
