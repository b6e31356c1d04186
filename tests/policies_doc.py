"""docs/policies.md, made from the rules and their exceptions: `make docs` writes it."""

from __future__ import annotations

from pathlib import Path

from policy.exceptions import EXEMPT, NO_RESOURCE
from policy.model import Rule
from policy.rules import THEMES

PAGE = Path(__file__).parents[1] / "docs" / "policies.md"
HEAD = """# Policies

<!-- Made by `make docs` from policy/: do not edit. -->

`pulumi preview -s prod --policy-pack policy` (and `up`) holds every resource against the rules below; they hold
for both stacks at every tier. A **mandatory** rule that is broken ends the run with exit code 255 and says what
to do; an *advice* is printed and passes. What is not known yet during a preview is held against nobody: the
next preview, and `up` itself, see it. To take a site down, `planb:protectData` goes to false, and
`--policy-pack-config policy/teardown.json` turns the one rule that minds into advice."""


def row(rule: Rule) -> str:
    level = f"**{rule.severity}**" if rule.mandatory else "*advice*"
    return f"| `{rule.name}` | {level} | {rule.says} | {rule.remedy} |"


def page() -> str:
    parts = [HEAD]
    for theme, rules in THEMES.items():
        parts += ["", f"## {theme}", "", "| rule | severity | what holds | what to do |", "|---|---|---|---|"]
        parts += [row(rule) for rule in rules]
    parts += ["", "## Exceptions", "", "All of them (`policy/exceptions.py`).", ""]
    parts += [
        f"- `{one.rule}`, {', '.join(f'`{kind}`' for kind in one.types)}: {one.reason}" for one in EXEMPT
    ]
    listed = ", ".join(f"`{action}` ({reason})" for action, reason in NO_RESOURCE.items())
    parts += [f"- `changes-name-their-resource`: actions that take no resource: {listed}."]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
