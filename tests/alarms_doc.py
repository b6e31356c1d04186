"""docs/alarms.md, made from components/aws/alarms.py: `make docs` writes it."""

from __future__ import annotations

from pathlib import Path

from components.aws import alarms
from components.aws.alarms import GIB, Alarm
from stacks.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "alarms.md"
HEAD = """# Alarms

<!-- Made by `make docs` from components/aws/alarms.py, with the default settings: do not edit. -->

Each is called `<project>-<name>` in CloudWatch. All go to people by the topic `<project>-alarms` (Slack, e-mail,
webhook: `planb:slackTeamId` and `planb:slackChannelId`, `planb:alarmEmail`, `planb:alarmWebhook`); those marked ⟳ wake
the recovery function as well. *Silence* says what no data means: **alarm** where it is the worst news, *told* where
people are told that nothing is known, *well* where nothing is sent while nothing happens. The dashboard `<project>`
shows them beside both sites.

An e-mail address and a webhook wait for their owner's confirmation, and Slack for an administrator's one sign-in at
AWS: `components/aws/notifications.py` says where."""
SIGN = {alarms.OVER: ">", alarms.AT_LEAST: "≥", alarms.UNDER: "<"}
SILENCE = {"breaching": "**alarm**", "missing": "*told*", "notBreaching": "*well*"}


def amount(one: Alarm) -> str:
    size = one.threshold / GIB
    return f"{size:g} GiB" if size >= 1 else f"{one.threshold:g}"


def row(one: Alarm) -> str:
    mark = " ⟳" if one.recovery else ""
    when = f"{one.statistic} {SIGN[one.comparison]} {amount(one)}"
    span = f"{one.periods} × {one.period} s"
    silence = f"{SILENCE[one.missing]}: {one.why}"
    return f"| `{one.name}`{mark} | {one.namespace} `{one.metric}` | {when} | {span} | {silence} |"


def page() -> str:
    settings = Settings(site="prod")
    groups = {
        "The original design's": alarms.seed(2 * settings.nodeMin),
        "Besides": alarms.ours(settings.backupInterval),
        "From outside (in us-east-1, so it survives Seoul)": [alarms.edge()],
    }
    parts = [HEAD]
    for title, listed in groups.items():
        parts += [
            "",
            f"## {title}",
            "",
            "| alarm | metric | rings at | for | silence |",
            "|---|---|---|---|---|",
        ]
        parts += [row(one) for one in listed]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
