"""IAM documents that several components write alike."""

from __future__ import annotations

import json
from typing import Any


def trust(service: str) -> str:
    """A role's trust policy for one AWS service."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def tls_only(bucket_arn: str) -> dict[str, Any]:
    """The statement of a bucket's policy that refuses every request without TLS, whoever asks."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
