"""Is what a failover needs here, and does none of it need AWS: state, passphrase, the program itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runbook.errors import PlanBError
from runbook.preflight.look import Look
from runbook.preflight.model import Finding, ok
from runbook.sites import DR, PROD

# https://www.pulumi.com/docs/iac/concepts/state-and-backends/
AZURE, AWS, GOOGLE, MACHINE = "azblob://", "s3://", "gs://", "file://"


def backend(look: Look) -> list[Finding]:
    """Where the state is kept."""
    url = look.backend()
    if url.startswith(AZURE):
        return [ok(f"the state of both stacks is in Azure ({url.split('?')[0]})")]
    if url.startswith(AWS):
        return [
            Finding(
                "blocker",
                f"the state of both stacks is on AWS ({url.split('?')[0]})",
                "with AWS gone nothing can be built on Azure",
                "pulumi stack export, pulumi login azblob://…, pulumi stack import (docs/going-live.md)",
            )
        ]
    if url.startswith(MACHINE):
        return [
            Finding(
                "warning",
                "the state of both stacks is on this machine only",
                "a failover can start nowhere else; right for the embedded clouds, wrong for real ones",
                "pulumi login azblob://… (docs/going-live.md)",
            )
        ]
    where = "Google Cloud" if url.startswith(GOOGLE) else url or "an unnamed place"
    return [ok(f"the state of both stacks is kept by neither cloud ({where})")]


def secrets(look: Look) -> list[Finding]:
    """Whether both stacks' secrets can be read, with a key that does not live on AWS."""
    found: list[Finding] = []
    for stack, state, outputs in ((DR, look.dr_state, look.dr), (PROD, look.prod_state, look.prod)):
        given: dict[str, Any] = state().get("secrets_providers") or {}
        url = str((given.get("state") or {}).get("url") or given.get("type") or "passphrase")
        if url.startswith("awskms:"):
            found.append(
                Finding(
                    "blocker",
                    f"the secrets of stack {stack} are encrypted with a key on AWS",
                    "with AWS gone its passwords cannot be read and nothing can be built",
                    f"pulumi stack change-secrets-provider azurekeyvault://… -s {stack}",
                )
            )
            continue
        try:
            outputs()  # every output, secret ones decrypted
        except PlanBError as error:
            found.append(
                Finding(
                    "blocker" if stack == DR else "warning",
                    f"the outputs of stack {stack} cannot be read: {error.what}",
                    "a failover reads them first",
                    error.next_step or "set PULUMI_CONFIG_PASSPHRASE, or check the key vault's access",
                )
            )
        else:
            found.append(ok(f"stack {stack}: state and secrets read ({url.split('/')[0].rstrip(':')})"))
    return found


def pending(look: Look) -> list[Finding]:
    """Operations that an update left behind when it died."""
    left = [str(one["resource"]["urn"]) for one in look.dr_state().get("pending_operations") or []]
    if not left:
        return [ok("no update of the standby was interrupted")]
    return [
        Finding(
            "warning",
            f"an update of the standby was interrupted: {', '.join(urn.rsplit('::', 1)[-1] for urn in left[:4])}",
            "the next update does not know whether these exist",
            f"pulumi refresh -s {DR}",
        )
    ]


def program(look: Look) -> list[Finding]:
    """Whether the program still says what a failover has to build, with what is installed here."""
    try:
        plan = look.plan()
    except PlanBError as error:
        return [
            Finding(
                "blocker",
                f"the standby's program does not preview at tier full: {error.what}",
                "a failover would stop at the same place",
                error.next_step or f"pulumi preview -s {DR} with planb:tier full",
            )
        ]
    new = [r for r in plan.resources if r.new]
    return [ok(f"a failover would build {len(new)} resources, {len(plan.resources) - len(new)} are there")]


def unfinished(look: Look) -> list[Finding]:
    """Runs that wait to be resumed."""
    from runbook import journal

    store = look.store()
    found = [
        Finding(
            "warning",
            f"{kind} {epoch} was interrupted at {_when(entries)}",
            "the next one resumes it",
            f"planb {kind}",
        )
        for kind, epoch, entries in journal.runs(store)
        if journal.current(entries)
    ]
    return found or [ok("no run waits to be resumed")]


def _when(entries: list[dict[str, Any]]) -> str:
    return f"{datetime.fromtimestamp(float(entries[-1]['at']), UTC):%Y-%m-%d %H:%M:%S} UTC"
