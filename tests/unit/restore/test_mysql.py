"""mysql.py: quoting, option files and errors, without a server."""

from __future__ import annotations

import os
from pathlib import Path

import pymysql
import pytest
from pydantic import SecretStr

from restore.errors import ConfigurationError, ServerRefused, TlsRefused, Unauthorized, Unreachable
from restore.mysql import option_file, program, quoted, translated
from restore.settings import Database

DB = Database("h", "n", "u", SecretStr("p\"a\\s's#\nw"), 3307, Path("/ca.pem"))


def test_identifiers() -> None:
    assert quoted("a`b") == "`a``b`"


def test_the_option_file_is_for_the_child_only_and_escaped() -> None:
    with option_file(DB) as (argument, descriptor):
        assert argument == f"--defaults-file=/dev/fd/{descriptor}"
        assert os.get_inheritable(descriptor) is False  # only pass_fds hands it on
        text = os.read(descriptor, 65536).decode()
    assert 'password="p\\"a\\\\s\'s#\\nw"\n' in text
    assert "ssl-mode=VERIFY_IDENTITY" in text and 'ssl-ca="/ca.pem"' in text and "port=3307" in text
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.read(descriptor, 1)


@pytest.mark.parametrize(
    ("problem", "ours"),
    [
        (pymysql.OperationalError(1045, "Access denied for user"), Unauthorized),
        (pymysql.OperationalError(2003, "Can't connect (timed out)"), Unreachable),
        (pymysql.OperationalError(2003, "([SSL: CERTIFICATE_VERIFY_FAILED] self-signed)"), TlsRefused),
        (pymysql.OperationalError(1142, "SELECT command denied"), ServerRefused),
        (pymysql.ProgrammingError(1064, "You have an error"), ServerRefused),
        (ConnectionResetError("reset"), Unreachable),
    ],
)
def test_errors(problem: Exception, ours: type[Exception]) -> None:
    error = translated(problem, DB)
    assert type(error) is ours and "h:3307" in str(error)
    assert 'p"a' not in str(error)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no-such-program"):
        program("no-such-program")
