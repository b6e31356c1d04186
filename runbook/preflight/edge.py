"""The edge: can its switch be read and written, does it agree with storage; certificates and clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from runbook.edge_switch import EdgeState
from runbook.errors import PlanBError
from runbook.failures import translating
from runbook.preflight.asking import Refusal, certificate_end, clock_of
from runbook.preflight.look import Look
from runbook.preflight.model import Finding, NotAsked, ok, unasked

CERTIFICATE_DAYS = 30
SKEW_S, REFUSED_SKEW_S = 30.0, 240.0
"""AWS refuses a signature that is five minutes off, Azure a SAS that is not valid yet."""


def switch(look: Look) -> list[Finding]:
    """Reading the mode, and the right to write it: a write with an ETag that cannot be the present one."""
    try:
        state = look.edge.read()
        refused = look.edge.may_write()
    except PlanBError as error:
        return [
            Finding(
                "blocker",
                f"the edge's switch: {error.what}",
                "customers could not be sent to Azure",
                error.next_step or "check credentials for CloudFront's key-value store",
            )
        ]
    if refused:
        return [
            Finding(
                "blocker",
                f"the edge's switch may be read but not written ({refused})",
                "customers could not be sent to Azure",
                "allow this role cloudfront-keyvaluestore:UpdateKeys on the store (docs/going-live.md)",
            )
        ]
    return [ok(f"the edge's switch can be read and written (mode {state.mode}, epoch {state.epoch})")]


def agreement(look: Look) -> list[Finding]:
    """The edge's mode and epoch against the record of the active site in storage (F15)."""
    from restore.fencing import Active

    store, state = look.store(), look.edge.read()
    with translating():
        active = Active.read(store)
    return [judged(state, active)]


def judged(state: EdgeState, active: Any) -> Finding:
    """`active` is a `restore.fencing.Active`, or None before the first change of sides."""
    site, epoch = (active.site, active.epoch) if active else ("aws", None)
    if state.mode == "maintenance":
        return Finding(
            "warning",
            f"the edge shows the maintenance page (epoch {state.epoch})",
            "customers are not served",
            "planb status; then resume what was interrupted, or planb edge set aws",
        )
    if state.mode != site:
        return Finding(
            "blocker",
            f"the edge sends customers to {state.mode}, storage says that {site} is active",
            "the side that serves takes no backups: what customers write now could be lost",
            "planb status; find out which side has the newest data before you switch (docs/verbs/edge.md)",
        )
    if epoch is not None and epoch != state.epoch:
        return Finding(
            "warning",
            f"the edge is at epoch {state.epoch}, the active site's record at {epoch}",
            "somebody has switched the edge by hand; the next run counts on from the edge's",
            "planb edge show",
        )
    return ok(f"edge and storage agree: {site} is active")


def certificates(look: Look) -> list[Finding]:
    """Every TLS endpoint that customers or the edge talk to."""
    prod, dr = look.prod(), look.dr()
    given = [prod.get("edgeUrl"), dr.get("staticSiteUrl"), prod.get("originUrl"), dr.get("gatewayHost")]
    urls = [str(url) for url in given if str(url or "").startswith("https://")]
    return [_certificate(url) for url in urls] or [ok("no endpoint of ours has a certificate")]


def _certificate(url: str) -> Finding:
    try:
        end = certificate_end(url)
    except NotAsked as error:
        return unasked(error.what)
    except Refusal as refusal:
        return Finding(
            "warning",
            refusal.what,
            "browsers and the edge refuse it",
            "renew it (aws acm, az keyvault certificate)",
        )
    days = (end - datetime.now(UTC)).days
    if days < CERTIFICATE_DAYS:
        return Finding(
            "warning",
            f"{url}: its certificate ends in {days} days",
            "then browsers, or the edge, refuse it",
            "renew it now; one that ACM or Key Vault renews should have been by now",
        )
    return ok(f"{url}: certificate good for {days} days")


def clock(look: Look) -> list[Finding]:
    """This machine's clock against both clouds' (F7)."""
    asked: list[tuple[str, Callable[[], str]]] = [
        ("Azure", lambda: str(look.dr()["backupContainerUrl"])),
        ("the edge", lambda: str(look.prod()["edgeUrl"])),
    ]
    return [_skew(name, url()) for name, url in asked]


def _skew(name: str, url: str) -> Finding:
    try:
        off = clock_of(url)
    except NotAsked as error:
        return unasked(error.what)
    if abs(off) > SKEW_S:
        return Finding(
            "blocker" if abs(off) > REFUSED_SKEW_S else "warning",
            f"this machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} {name}'s",
            "signatures and tokens are refused beyond five minutes, ages are told wrongly before",
            "timedatectl set-ntp true",
        )
    return ok(f"this machine's clock agrees with {name}'s ({off:+.0f} s)")
