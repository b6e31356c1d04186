"""What every AWS kind shares: ids, ARNs, tags, the outputs that the SDK declares."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, ClassVar

from simcloud import sdktypes
from simcloud.kinds import CloudError, Context, Kind, Properties, Resource


def token_hex(length: int) -> str:
    return secrets.token_hex((length + 1) // 2)[:length]


def letters(length: int, alphabet: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


class AwsKind(Kind):
    """A resource of AWS. `service` and `arn_path` make its ARN; `prefix` its id."""

    service: ClassVar[str] = "ec2"
    prefix: ClassVar[str] = ""
    """Ids are this and 17 hex digits, unless `identify` says otherwise."""
    arn_path: ClassVar[str] = ""
    """Resource part of the ARN with {id} and {name}; empty when it has none."""
    global_arn: ClassVar[bool] = False
    lasting: ClassVar[frozenset[str]] = frozenset()
    """Outputs that the cloud makes up at creation and keeps."""

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{self.prefix}0{token_hex(16)}"

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        return str(inputs.get("region") or ctx.region) if self.regional else "global"

    def arn(self, ctx: Context, res: Resource) -> str:
        region = "" if self.global_arn else str(res.inputs.get("region") or ctx.region)
        path = self.arn_path.format(id=res.id, name=res.inputs.get("name") or res.id)
        return f"arn:aws:{self.service}:{region}:{ctx.account}:{path}"

    def outputs(self, ctx: Context, res: Resource) -> Properties:
        default_tags = (ctx.provider_config.get("defaultTags") or {}).get("tags") or {}
        own: Any = res.inputs.get("tags") or {}
        common: Properties = {
            "arn": self.arn(ctx, res) if self.arn_path else None,
            "region": res.inputs.get("region") or ctx.region,
            "tagsAll": {**default_tags, **own} if isinstance(own, dict) else None,
            "ownerId": ctx.account,
        }
        shape = sdktypes.shape(self.type)
        declared = shape.outputs if shape else frozenset[str]()
        kept = {name: res.outputs[name] for name in self.lasting if name in res.outputs}
        found = {**common, **self.shown(ctx, res), **kept}
        return {name: value for name, value in found.items() if name in declared and value is not None}

    def shown(self, ctx: Context, res: Resource) -> Properties:
        """Outputs of this type beyond the common ones."""
        return {}


class Named(AwsKind):
    """A resource whose id is its name; the provider makes one up from the Pulumi name where none is given."""

    longest: ClassVar[int] = 64
    name_key: ClassVar[str] = "name"

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        if inputs.get(self.name_key) is not None:
            return inputs
        prefix = inputs.get(f"{self.name_key}Prefix")
        if old and old.get(self.name_key) and old.get(f"{self.name_key}Prefix") == prefix:
            return {**inputs, self.name_key: old[self.name_key]}
        if prefix is None and len(name) + 8 > self.longest:
            text = f"name '{name}-' plus 7 random chars is longer than maximum length {self.longest}"
            raise CloudError("InvalidConfiguration", text)
        made = f"{name}-{token_hex(7)}" if prefix is None else f"{prefix}{token_hex(10)}"
        return {**inputs, self.name_key: made}

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs[self.name_key])


def existing(ctx: Context, token: str, id_: Any, code: str, text: str) -> Resource:
    """The referenced resource; CloudError(code, text) when there is none."""
    found = ctx.by_id(token, str(id_)) if id_ else None
    if found is None:
        raise CloudError(code, text)
    return found


def by_arn(ctx: Context, token: str, arn: Any) -> Resource | None:
    return next((r for r in ctx.find(token) if r.get("arn") == arn), None)


def in_use(resources: Iterable[Resource], code: str, text: str) -> None:
    """Raises when there is any."""
    if any(True for _ in resources):
        raise CloudError(code, text)
