"""`planb reachability`: who can reach whom on which port, from what is deployed."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from runbook.cli_common import AsJson, engine
from runbook.errors import ExitCode, Refused


def reachability(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Which AWS stack.")] = "prod",
    as_json: AsJson = False,
) -> None:
    """Who reaches whom on which port, computed from the deployed rules; 1 when it is not what was decided."""
    from rich.console import Console

    from runbook.reachability import show, table
    from runbook.reachability.aws import AwsSite
    from runbook.reachability.model import compare, matrix

    program = engine()
    resources = program.resources(stack)
    if not any(str(r["type"]).startswith("aws:ec2/vpc:") for r in resources):
        raise Refused(
            "it has no network on AWS",
            resource=f"stack {stack}",
            meaning="there is nothing to compute from",
            next_step=f"deploy it (pulumi up -s {stack}), or name another with --stack",
        )
    config = program.config(stack)
    rows = table.aws(
        "cloudfront" if config.get("planb:albIngress") == "cloudfront" else "internet",
        https=config.get("planb:domain", "none") != "none",
    )
    flows = matrix(AwsSite(resources))
    differences = compare(flows, rows)
    if as_json:
        typer.echo(json.dumps(show.facts(flows, rows, differences)))
    else:
        show.screen(Console(width=max(130, Console().width)), flows, rows, differences)
    if differences:
        raise typer.Exit(int(ExitCode.FAILED))
