"""The matrix for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runbook.reachability.model import Difference, Flow, Row
from runbook.reachability.ports import ALL, NAMES, Ports
from runbook.reachability.table import described

if TYPE_CHECKING:
    from rich.console import Console

LEGEND = (
    "From the row to the column. Ports are TCP's, u before one is UDP's; ~ from or to some addresses only; "
    "· refused; ! not decided; - decided and closed."
)


def facts(flows: Sequence[Flow], rows: Sequence[Row], differences: Sequence[Difference]) -> dict[str, Any]:
    """Everything as plain values."""
    return {
        "equal": not differences,
        "actors": list(dict.fromkeys(flow.source for flow in flows)),
        "flows": [
            {
                "source": flow.source,
                "target": flow.target,
                "ports": flow.ports.labels(),
                "everywhere": flow.everywhere.labels(),
                "decided": [
                    {"ports": row.ports.labels(), "why": row.why, "seed": row.seed}
                    for row in described(rows, flow.source, flow.target, flow.ports)
                ],
            }
            for flow in flows
            if flow.ports
        ],
        "differences": [
            {
                "kind": one.kind,
                "source": one.source,
                "target": one.target,
                "ports": one.ports.labels(),
                "causes": [{"urn": cause.urn, "text": cause.text} for cause in one.causes],
            }
            for one in differences
        ],
    }


def screen(
    console: Console, flows: Sequence[Flow], rows: Sequence[Row], differences: Sequence[Difference]
) -> None:
    """The matrix, what each open pair is for, and what differs with the resources that cause it."""
    from rich import box
    from rich.table import Table

    actors = list(dict.fromkeys(flow.source for flow in flows))
    wrong = {(one.source, one.target): one for one in differences}
    grid = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, title="Who reaches whom", title_justify="left"
    )
    grid.add_column("", no_wrap=True, style="bold")
    for actor in actors:
        grid.add_column(_short(actor))
    by_pair = {(flow.source, flow.target): flow for flow in flows}
    for source in actors:
        cells = [_cell(by_pair[source, target], rows, wrong.get((source, target))) for target in actors]
        grid.add_row(source, *cells)
    console.print(grid)
    console.print(LEGEND, style="dim", highlight=False)
    reasons = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, title="Why", title_justify="left")
    for column in ("from", "to", "ports"):
        reasons.add_column(column, max_width=20)
    reasons.add_column("by", no_wrap=True)
    reasons.add_column("because", min_width=48)
    for row in sorted(_merged(flows, rows), key=lambda row: not row.seed):
        reasons.add_row(row.source, row.target, str(row.ports), "seed" if row.seed else "platform", row.why)
    console.print(reasons)
    _verdict(console, flows, differences)


def _verdict(console: Console, flows: Sequence[Flow], differences: Sequence[Difference]) -> None:
    from rich.text import Text

    closed = sum(not flow.ports for flow in flows)
    if not differences:
        text = f"Equal: every decided pair is open, and nothing else. {closed} of {len(flows)} pairs pass nothing."
        console.print(Text(text, style="green"))
        return
    plural = "difference" if len(differences) == 1 else "differences"
    console.print(
        Text(f"{len(differences)} {plural} between what is deployed and what was decided:", style="red")
    )
    for one in differences:
        console.print(Text(f"  {one.kind}: {one.source} → {one.target}: {one.ports}", style="bold"))
        for cause in one.causes:
            console.print(
                Text(f"    {cause.text}" + (f"\n      {cause.urn}" if cause.urn else "")), soft_wrap=True
            )


def _merged(flows: Sequence[Flow], rows: Sequence[Row]) -> list[Row]:
    """The rows that something rests on; those of one reason and target in one line."""
    used = [row for flow in flows for row in described(rows, flow.source, flow.target, flow.ports)]
    lines: dict[tuple[Any, ...], list[Row]] = {}
    for row in used:
        lines.setdefault((row.target, row.ports, row.why, row.seed), []).append(row)
    by_source: dict[tuple[Any, ...], list[str]] = {}
    for (target, ports, why, seed), same in lines.items():
        sources = ", ".join(row.source for row in same)
        by_source.setdefault((sources, ports, why, seed), []).append(target)
    return [
        Row(sources, ", ".join(targets), ports, why, seed)
        for (sources, ports, why, seed), targets in by_source.items()
    ]


def _short(actor: str) -> str:
    return {"control-plane": "control", "endpoints": "endpts"}.get(actor, actor)


def _cell(flow: Flow, rows: Sequence[Row], wrong: Difference | None) -> Any:
    from rich.text import Text

    if wrong:
        sign = "!" if wrong.kind == "unexpected" else "-"
        return Text(f"{sign}{_numbers(wrong.ports)}", style="bold red")
    if not flow.ports:
        return Text("·", style="dim")
    seed = any(row.seed for row in described(rows, flow.source, flow.target, flow.ports))
    partly = "" if flow.ports == flow.everywhere else "~"
    return Text(f"{partly}{_numbers(flow.ports)}", style="bold green" if seed else "")


def _numbers(open_: Ports) -> str:
    """As short as a cell must be: "80 443", "53 u53", "all", "many"."""
    if open_ == ALL:
        return "all"
    labels = open_.labels()
    if len(labels) > 3:
        return "many"
    marks = {"tcp ": "", "udp ": "u"}
    found: list[str] = []
    for label in labels:
        name = next((n for n in NAMES if label.startswith(f"{n} ")), "")
        found.append(marks.get(f"{name} ", f"{name} ") + label.removeprefix(f"{name} ") if name else label)
    return " ".join(found)
