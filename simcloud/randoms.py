"""pulumi-random: made by the provider itself, kept until an argument or a keeper changes."""

from __future__ import annotations

import base64
import secrets
import string

from simcloud.kinds import Context, Kind, Properties, Resource, kind

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"  # the provider's default set


class _Random(Kind):
    latency = "instant"
    delete_latency = "instant"
    regional = False

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return "none"


@kind
class RandomPassword(_Random):
    type = "random:index/randomPassword:RandomPassword"
    replace_on = frozenset(
        {"length", "keepers", "special", "overrideSpecial", "upper", "lower", "numeric", "number"}
        | {"minLower", "minNumeric", "minSpecial", "minUpper"}
    )

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"none-{secrets.token_hex(8)}"  # the provider's is "none"; our store needs one each

    def create(self, ctx: Context, res: Resource) -> Properties:
        wanted = res.inputs
        sets = {
            "minLower": string.ascii_lowercase if wanted.get("lower", True) else "",
            "minUpper": string.ascii_uppercase if wanted.get("upper", True) else "",
            "minNumeric": string.digits if wanted.get("numeric", True) else "",
            "minSpecial": (wanted.get("overrideSpecial") or SPECIAL) if wanted.get("special", True) else "",
        }
        letters = [
            secrets.choice(chars) for name, chars in sets.items() for _ in range(int(wanted.get(name, 0)))
        ]
        everything = "".join(sets.values())
        letters += [secrets.choice(everything) for _ in range(int(wanted["length"]) - len(letters))]
        secrets.SystemRandom().shuffle(letters)
        return {"result": "".join(letters)}


@kind
class RandomId(_Random):
    type = "random:index/randomId:RandomId"
    replace_on = frozenset({"byteLength", "keepers", "prefix"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(int(inputs["byteLength"]))).decode().rstrip("=")

    def outputs(self, ctx: Context, res: Resource) -> Properties:
        raw = base64.urlsafe_b64decode(res.id + "=" * (-len(res.id) % 4))
        prefix = str(res.inputs.get("prefix", ""))
        return {
            "b64Std": prefix + base64.b64encode(raw).decode(),
            "b64Url": prefix + res.id,
            "dec": prefix + str(int.from_bytes(raw, "big")),
            "hex": prefix + raw.hex(),
        }
