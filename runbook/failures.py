"""Errors of the libraries below, in the runbook's words: what may be expected to fail must not end in a traceback.

`told` imports nothing: an error of a library that was never loaded cannot be on its way.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from runbook.errors import PlanBError, Refused, UsageError


def told(error: BaseException) -> PlanBError | None:
    """The error as a person can use it; None for one that is a bug of ours and deserves its traceback."""
    if isinstance(error, PlanBError):
        return error
    if _is(error, "restore.errors", "DataPlaneError"):
        return translated(error)
    if _is(error, "botocore.exceptions", "BotoCoreError", "ClientError"):
        return PlanBError(
            f"AWS does not answer ({type(error).__name__}: {error})",
            meaning="nothing was changed by this call",
            next_step='check credentials and network; for the embedded clouds: eval "$(planb sim env)"',
        )
    if _is(error, "requests.exceptions", "RequestException"):
        return PlanBError(
            f"no answer to a request ({type(error).__name__}: {error})",
            meaning="nothing was changed by this call",
            next_step="check the network; for the embedded clouds: planb sim status",
        )
    if _is(error, "azure.core.exceptions", "AzureError"):
        return PlanBError(
            f"Azure does not answer ({type(error).__name__}: {str(error).strip().splitlines()[0]})",
            meaning="nothing was changed by this call",
            next_step="check credentials and network, then run the same command again",
        )
    if isinstance(error, OSError):
        return PlanBError(
            f"{error.strerror or error}",
            resource=str(error.filename or ""),
            next_step="mend that, then run the same command again",
        )
    return None


def translated(error: BaseException) -> PlanBError:
    """A data plane error in the runbook's words; its exit code is kept where the runbook has the same."""
    fields = {name: str(getattr(error, name, "")) for name in ("what", "where", "meaning", "next_step")}
    kinds: dict[int, type[PlanBError]] = {2: UsageError, 3: Refused}
    return kinds.get(getattr(error, "exit_code", 1), PlanBError)(
        fields["what"] or str(error),
        resource=fields["where"],
        meaning=fields["meaning"],
        next_step=fields["next_step"],
    )


@contextmanager
def translating() -> Generator[None]:
    """Around calls of the data plane: its errors leave it in the runbook's words."""
    from restore.errors import DataPlaneError

    try:
        yield
    except DataPlaneError as error:
        raise translated(error) from None


def _is(error: BaseException, module: str, *names: str) -> bool:
    """Whether it is one of these classes, without importing their module."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, tuple(getattr(loaded, name) for name in names))
