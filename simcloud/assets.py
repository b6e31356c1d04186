"""What a Pulumi asset holds."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, cast


def asset_bytes(source: object) -> bytes:
    """Content of an asset in wire form ({"text"} or {"path"}), or of bytes or text as they are; else ValueError."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str):
        return source.encode()
    asset = cast("dict[str, Any]", source) if isinstance(source, dict) else vars(source)
    if asset.get("text") is not None:
        return str(asset["text"]).encode()
    if asset.get("base64") is not None:
        return base64.b64decode(str(asset["base64"]))
    path = asset.get("path")
    if path:
        return Path(str(path)).read_bytes()
    raise ValueError(f"cannot read asset with keys {sorted(asset)}")
