"""The Pulumi program: `prod` is AWS Seoul, `dr` is Azure Korea Central."""

from __future__ import annotations

import pulumi

from stacks.settings import SettingsError, load


def main() -> None:
    try:
        settings = load(pulumi.get_stack(), pulumi.Config("planb"))
    except SettingsError as error:
        # The language host shows a RunError as it is, without a traceback.
        raise pulumi.RunError("\n".join(error.lines)) from None
    if settings.site == "dr":
        from stacks import dr

        dr.deploy(settings)
    else:
        from stacks import prod

        prod.deploy(settings)


main()
