"""log.py: no secret in any line."""

from __future__ import annotations

from restore import log


def test_known_secrets_and_telling_keys_are_blanked() -> None:
    log.hide("hunter2-canary")
    line = log.redacted(
        {
            "what": "login with hunter2-canary failed",
            "password": "anything",
            "nested": {"sas_token": "abc", "list": ["hunter2-canary"]},
            "app_secret_arn": "arn:aws:x",
            "rows": 3,
        }
    )
    assert "canary" not in str(line) and "anything" not in str(line) and "abc" not in str(line)
    assert line["app_secret_arn"] == "arn:aws:x" and line["rows"] == 3


def test_signatures_of_urls_are_blanked() -> None:
    text = log.redact("https://x.blob.core.windows.net/c/b?sv=2024-01-01&sig=abc%2Fdef%3D&sp=rw")
    assert "abc" not in text and "sig=***" in text and "sp=rw" in text


def test_short_values_are_no_secrets() -> None:
    log.hide("", "a")
    assert log.redact("a banana") == "a banana"
