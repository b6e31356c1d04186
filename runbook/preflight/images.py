"""Can every image that the standby would run be pulled today (F9's quiet sister: the registry on failover day)."""

from __future__ import annotations

from runbook.preflight.asking import parse_image, pullable
from runbook.preflight.look import Look
from runbook.preflight.model import Finding, NotAsked, ok, unasked


def images(look: Look) -> list[Finding]:
    """Each image of the plan, by a HEAD of its manifest."""
    found: list[Finding] = []
    for text in sorted(look.images()):
        image = parse_image(text)
        try:
            there = pullable(image)
        except NotAsked as error:
            found.append(unasked(f"{text}: {error.what}"))
            continue
        if not there:
            found.append(
                Finding(
                    "blocker",
                    f"{text} cannot be pulled: it is not there, or not for everybody",
                    "its pods would wait with ImagePullBackOff",
                    f"docker manifest inspect {text}; push it, or mend the tag or digest",
                )
            )
        elif not image.by_digest:
            found.append(
                Finding(
                    "warning",
                    f"{text} is not pinned by its digest",
                    "what runs after a failover may be another build than what runs now",
                    "pin it in workload/base (name@sha256:…)",
                )
            )
        else:
            found.append(ok(f"{text} can be pulled"))
    return found or [unasked("neither side names an image", "pulumi up -s prod")]
