"""Commands of set-up: their output is kept, and told when they fail."""

from __future__ import annotations

import sys

import pytest

from toolchain.problem import SetupProblem
from toolchain.progress import run


def test_output_is_returned() -> None:
    assert run("t", [sys.executable, "-c", "print('hello')"], doing="greeting", mend="-") == "hello"


def test_failure_shows_the_last_lines_and_the_remedy() -> None:
    code = "import sys; print('line'); sys.exit('cannot reach the index')"
    with pytest.raises(SetupProblem) as caught:
        run("python", [sys.executable, "-c", code], doing="installing", mend="check the network")
    assert "installing failed with exit code 1" in str(caught.value)
    assert "cannot reach the index" in str(caught.value)
    assert str(caught.value).endswith("mend it: check the network")


def test_a_missing_program_is_a_problem_not_a_traceback() -> None:
    with pytest.raises(SetupProblem, match="no-such-program is not installed"):
        run("t", ["no-such-program"], doing="trying", mend="-")
