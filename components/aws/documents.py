"""IAM documents that several components write alike."""

from __future__ import annotations

import json
from typing import Any


def trust(service: str) -> str:
    """A role's trust policy for one AWS service."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def bucket_tls_only(bucket_arn: str) -> dict[str, Any]:
    """`tls_only` for a bucket and what is in it."""
    return tls_only("s3:*", [bucket_arn, f"{bucket_arn}/*"])


def tls_only(actions: str | list[str], resources: str | list[str]) -> dict[str, Any]:
    """The statement of a resource's policy that refuses every request without TLS, whoever asks."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
