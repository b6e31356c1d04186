"""`python -m simcloud serve --dir DIR`: the embedded clouds in the foreground (`planb sim start` detaches it)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="simcloud")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serve = verbs.add_parser("serve", help="serve until terminated")
    serve.add_argument("--dir", type=Path, required=True, help="state directory, made if missing")
    serve.add_argument("--speed", type=float, default=60.0, help="how many times faster than the clouds")
    serve.add_argument("--latency", choices=["typical", "slow"], default="typical")
    options = parser.parse_args()
    if not 0.01 <= options.speed <= 100_000:
        parser.error("--speed is between 0.01 and 100000")
    from simcloud.daemon import CannotStart, serve_forever

    try:
        serve_forever(options.dir, options.speed, options.latency)
    except CannotStart as problem:
        sys.stderr.write(f"simcloud: {problem}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
