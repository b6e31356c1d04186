"""IAM as AWS evaluates it, small: who may do what, from the policy documents of a deployed state.

    documents = iam.role_documents(resources, "blue-backup")
    assert iam.decide(documents, "secretsmanager:GetSecretValue", secret_arn) == "allowed"

The answers are those of `iam:SimulatePrincipalPolicy`: allowed, explicitDeny, implicitDeny. The order of evaluation:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
Not here, because nothing of ours uses them: permission boundaries, session policies, SCPs, other accounts.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

Document = Mapping[str, Any]
Context = Mapping[str, "str | list[str]"]
ALLOWED, DENIED, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"


class NotSupported(Exception):
    """A document says something that this evaluator does not know: better no answer than a wrong one."""


def as_list(value: Any) -> list[Any]:
    """IAM writes one of something as itself or as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def statements(document: Document | str) -> list[dict[str, Any]]:
    """The statements of a document, also of one that is still text."""
    parsed: Any = json.loads(document) if isinstance(document, str) else document
    return as_list(parsed.get("Statement"))


def glob(pattern: str, text: str, *, fold: bool = False) -> bool:
    """IAM's `*` (any characters) and `?` (one); nothing else is special, and `*` crosses colons and slashes."""
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(expression, text, re.DOTALL | (re.IGNORECASE if fold else 0)) is not None


def decide(
    documents: Iterable[Document | str],
    action: str,
    resource: str,
    context: Context | None = None,
    *,
    principal: str | None = None,
    resource_policies: Iterable[Document | str] = (),
) -> str:
    """What AWS answers to `action` on `resource` for a principal that has these identity policies.

    `resource_policies` are those of the resource itself, of the principal's own account: there an Allow of either
    side is enough. `principal` is the caller's role ARN; it is also the context key aws:PrincipalArn.
    """
    known: dict[str, str | list[str]] = {key.lower(): value for key, value in (context or {}).items()}
    if principal:
        known.setdefault("aws:principalarn", principal)
        known.setdefault("aws:principalaccount", principal.split(":")[4])
    effects: set[str] = set()
    for document in documents:
        for statement in statements(document):
            if _matches(statement, action, resource, known):
                effects.add(statement["Effect"])
    for document in resource_policies:
        for statement in statements(document):
            if _principal(statement, principal) and _matches(statement, action, resource, known):
                effects.add(statement["Effect"])
    if "Deny" in effects:
        return DENIED
    return ALLOWED if "Allow" in effects else IMPLICIT


def role_documents(resources: Iterable[Mapping[str, Any]], role: str) -> list[dict[str, Any]]:
    """Every identity policy of a role, from the resources of `pulumi stack export`: inline, its own managed ones,
    and AWS's managed ones (their text as moto knows it)."""
    found = list(resources)
    documents: list[dict[str, Any]] = []
    own = {
        _outputs(r).get("arn"): _outputs(r).get("policy")
        for r in found
        if r["type"] == "aws:iam/policy:Policy"
    }
    for resource in found:
        outputs = _outputs(resource)
        kind = resource["type"]
        if kind == "aws:iam/role:Role" and outputs.get("name") == role:
            documents += [json.loads(inline["policy"]) for inline in outputs.get("inlinePolicies") or []]
            for arn in outputs.get("managedPolicyArns") or []:
                documents.append(_managed(arn, own))
        elif outputs.get("role") != role:
            continue
        elif kind == "aws:iam/rolePolicy:RolePolicy":
            documents.append(json.loads(outputs["policy"]))
        elif kind == "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
            documents.append(_managed(outputs["policyArn"], own))
    unique = {json.dumps(document, sort_keys=True): document for document in documents}
    return list(unique.values())


def _outputs(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return resource.get("outputs") or resource.get("inputs") or {}


def _managed(arn: str, own: Mapping[Any, Any]) -> dict[str, Any]:
    return json.loads(own[arn]) if arn in own else aws_managed(arn)


@lru_cache
def _catalogue() -> dict[str, Any]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    return json.loads(aws_managed_policies_data)


def aws_managed(arn: str) -> dict[str, Any]:
    """The document of a policy that AWS manages (arn:aws:iam::aws:policy/…)."""
    path, _, name = arn.removeprefix("arn:aws:iam::aws:policy").rpartition("/")
    found = _catalogue().get(name)
    if found is None or found["Path"] != f"{path}/":
        raise NotSupported(f"no document known of {arn}")
    return found["Document"]


def _matches(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    if "Action" in statement:
        if not any(glob(one, action, fold=True) for one in as_list(statement["Action"])):
            return False
    elif any(glob(one, action, fold=True) for one in as_list(statement["NotAction"])):
        return False
    if "Resource" in statement:
        if not any(glob(_fill(one, context), resource) for one in as_list(statement["Resource"])):
            return False
    elif "NotResource" in statement and any(
        glob(_fill(one, context), resource) for one in as_list(statement["NotResource"])
    ):
        return False
    return all(
        _condition(operator, key, as_list(wanted), context)
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, wanted in keys.items()
    )


def _principal(statement: Mapping[str, Any], caller: str | None) -> bool:
    if "NotPrincipal" in statement:
        raise NotSupported("NotPrincipal")
    who = statement["Principal"]
    named = as_list(who.get("AWS")) if isinstance(who, dict) else as_list(who)
    if "*" in named or (caller is not None and caller in named):
        return True
    if caller is None:
        return False
    # The account as a principal: an Allow only hands the decision to identity policies, a Deny means everybody in it.
    account = caller.split(":")[4]
    everybody = account in named or f"arn:aws:iam::{account}:root" in named
    return everybody and statement["Effect"] == "Deny"


def _fill(pattern: str, context: Context) -> str:
    """Policy variables: ${aws:PrincipalTag/tier}; `${*}` and the like stand for the character itself."""

    def value(match: re.Match[str]) -> str:
        name = match[1].lower()
        if name in ("*", "?", "$"):
            raise NotSupported(f"escaped {match[0]}")
        found = context.get(name)
        if not isinstance(found, str):
            return "\0"  # a variable without a value matches nothing
        if set(found) & set("*?"):
            raise NotSupported(f"a wildcard in the value of {match[0]}")
        return found

    return re.sub(r"\$\{([^}]+)\}", value, pattern)


def _ip(wanted: str, given: str) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": glob,
    "ArnEquals": glob,  # AWS treats ArnEquals and ArnLike alike
    "ArnLike": glob,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "NumericEquals": lambda wanted, given: float(wanted) == float(given),
    "NumericLessThan": lambda wanted, given: float(given) < float(wanted),
    "NumericLessThanEquals": lambda wanted, given: float(given) <= float(wanted),
    "NumericGreaterThan": lambda wanted, given: float(given) > float(wanted),
    "NumericGreaterThanEquals": lambda wanted, given: float(given) >= float(wanted),
    "IpAddress": _ip,
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "NotIpAddress": "IpAddress",
}


def _condition(operator: str, key: str, wanted: list[Any], context: Context) -> bool:
    texts = [_text(one) for one in wanted]
    given = context.get(key.lower())
    if operator == "Null":
        return (given is None) == (texts == ["true"])
    quantifier, _, base = operator.rpartition(":")
    lenient = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    positive = NEGATED.get(base, base)
    if positive not in OPERATORS or quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise NotSupported(f"condition operator {operator}")
    if given is None:
        # A missing key fails a positive operator and satisfies a negated one, IfExists and ForAllValues.
        return lenient or quantifier == "ForAllValues" or (base in NEGATED and not quantifier)

    def one(value: str) -> bool:
        hit = any(OPERATORS[positive](_fill(text, context), value) for text in texts)
        return hit != (base in NEGATED)

    results = [one(value) for value in as_list(given)]
    return any(results) if quantifier == "ForAnyValue" else all(results)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
