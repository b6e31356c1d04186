"""One JSON object a line on stderr, without secrets: known secret values and telling keys are blanked out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, cast

import structlog

HIDDEN = "***"
_SHORTEST = 4
_KEY = re.compile(r"password|passwd|secret(?!_arn)|token|credential|account_key|sas", re.IGNORECASE)
_SIGNATURE = re.compile(r"(?i)\b(sig|sv|se|AccountKey|SharedAccessSignature)=[^&\s;\"']+")
_secrets: set[str] = set()


def hide(*values: str) -> None:
    """From now on these values never appear in a line of the log or in an error shown."""
    _secrets.update(value for value in values if len(value) >= _SHORTEST)


def redact(text: str) -> str:
    """The text without known secrets and signatures."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _SIGNATURE.sub(lambda match: f"{match[1]}={HIDDEN}", text)


def redacted(value: Any, key: str = "") -> Any:
    """The same for any JSON-like value."""
    if key and _KEY.search(key) and value:
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(k): redacted(v, str(k)) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [redacted(one) for one in cast("list[Any]", value)]
    return value


def _redactor(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: redacted(value, key) for key, value in event.items()}


def configure() -> None:
    """Set the process's logging up; once, by a program, never by a library."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # our errors say it; the SDK's log prints requests
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redactor,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def get() -> Any:
    """The log."""
    return structlog.get_logger()
