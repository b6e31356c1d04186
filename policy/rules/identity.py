"""Who may do what: least privilege in every policy document, narrow trust, no key that lives long (R20, B11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policy.exceptions import NO_RESOURCE, excused
from policy.model import Resource, Severity, document, known, known_list, on_resource

# Where policy documents stand: the type, the property, and what kind of document it is.
IDENTITY, TRUST, RESOURCE, ENDPOINT = "identity", "trust", "resource", "endpoint"
DOCUMENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "aws:iam/role:Role": (("assumeRolePolicy", TRUST),),
    "aws:iam/rolePolicy:RolePolicy": (("policy", IDENTITY),),
    "aws:iam/policy:Policy": (("policy", IDENTITY),),
    "aws:iam/userPolicy:UserPolicy": (("policy", IDENTITY),),
    "aws:iam/groupPolicy:GroupPolicy": (("policy", IDENTITY),),
    "aws:kms/key:Key": (("policy", RESOURCE),),
    "aws:kms/keyPolicy:KeyPolicy": (("policy", RESOURCE),),
    "aws:s3/bucketPolicy:BucketPolicy": (("policy", RESOURCE),),
    "aws:sns/topic:Topic": (("policy", RESOURCE),),
    "aws:sns/topicPolicy:TopicPolicy": (("policy", RESOURCE),),
    "aws:sqs/queue:Queue": (("policy", RESOURCE),),
    "aws:sqs/queuePolicy:QueuePolicy": (("policy", RESOURCE),),
    "aws:secretsmanager/secret:Secret": (("policy", RESOURCE),),
    "aws:secretsmanager/secretPolicy:SecretPolicy": (("policy", RESOURCE),),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": (("policy", RESOURCE),),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": (("policyDocument", RESOURCE),),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (("policy", ENDPOINT),),
    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy": (("policy", ENDPOINT),),
}
# Conditions that say who the caller is or on whose behalf it calls; a time or an address of the network is neither.
NARROWING = {
    *("aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:sourceorgid", "aws:principalaccount"),
    *("aws:principalorgid", "aws:principalarn", "aws:sourcevpce", "aws:sourcevpc", "kms:calleraccount"),
}
NARROW_OPERATORS = {"stringequals", "stringlike", "arnequals", "arnlike"}
READING = ("describe", "list", "get", "batchget", "search", "lookup", "filter", "check", "simulate")
# Reading these is having what they protect.
DATA = {
    *(
        "secretsmanager:getsecretvalue",
        "secretsmanager:batchgetsecretvalue",
        "s3:getobject",
        "s3:getobjectversion",
    ),
    *("ssm:getparameter", "ssm:getparameters", "ssm:getparametersbypath", "ssm:getparameterhistory"),
    *(
        "sts:getwebidentitytoken",
        "sts:getfederationtoken",
        "sts:getsessiontoken",
        "rds-data:batchexecutestatement",
    ),
    *("dynamodb:getitem", "dynamodb:batchgetitem", "lambda:getfunction", "sqs:receivemessage"),
}
BROAD_MANAGED = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess", "SecretsManagerReadWrite")
# Owner, Contributor, User Access Administrator, Role Based Access Control Administrator.
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
BROAD_AZURE = {
    OWNER: "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}


def as_list(value: Any) -> list[Any]:
    """IAM writes one of something as itself or as a list."""
    if value is None:
        return []
    return known_list(value) if isinstance(value, list | tuple) else [value]


def documents(resource: Resource) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """(kind, statements) of every policy document of a resource that is known."""
    for path, kind in DOCUMENTS.get(resource.type, ()):
        found = document(resource.get(path))
        if found:
            yield kind, [one for one in as_list(found.get("Statement")) if isinstance(one, Mapping)]
    if resource.type == "aws:iam/role:Role":
        for inline in resource.each("inlinePolicies"):
            found = document(inline.get("policy"))
            if found:
                yield IDENTITY, [one for one in as_list(found.get("Statement")) if isinstance(one, Mapping)]


def allows(statement: Mapping[str, Any]) -> bool:
    return statement.get("Effect") == "Allow"


def too_broad(statement: Mapping[str, Any]) -> Iterator[str]:
    """Why an Allow gives more than anybody can have meant."""
    if not allows(statement):
        return
    if "NotAction" in statement:
        yield "Allow with NotAction gives everything that AWS will ever invent but the listed"
    if "NotResource" in statement:
        yield "Allow with NotResource gives everything that will ever exist but the listed"
    for action in as_list(statement.get("Action")):
        service, colon, name = str(action).partition(":")
        if not name.strip("*") and (not colon or name):
            # `*`, `**`, `*:*` and `s3:*`
            yield f"it allows {action}"
        elif set(service) & set("*?"):
            yield f"it allows {action}, whatever the service"


def unbound(statement: Mapping[str, Any]) -> Iterator[str]:
    """Actions that change something, or read what is secret, on every resource there is."""
    if not allows(statement) or "*" not in [str(one).strip() for one in as_list(statement.get("Resource"))]:
        return
    if statement.get("Condition"):
        return
    for action in as_list(statement.get("Action")):
        name = str(action).lower()
        verb = name.partition(":")[2]
        if name in NO_RESOURCE or not verb.strip("*"):
            continue
        pattern = "*" in verb or "?" in verb
        secret = name in DATA or (pattern and any(fnmatchcase(one, name) for one in DATA))
        if secret or not verb.startswith(READING):
            yield f"it allows {action} on every resource"


def open_to(statement: Mapping[str, Any]) -> str | None:
    """Whom an Allow lets in without saying who: `*`; None where the principals are named or a condition names them."""
    if not allows(statement):
        return None
    if "NotPrincipal" in statement:
        return "everybody but the listed (NotPrincipal)"
    who = statement.get("Principal")
    named = (
        [one for values in who.values() for one in as_list(values)]
        if isinstance(who, Mapping)
        else as_list(who)
    )
    return "*" if "*" in [str(one) for one in named] and not narrowed(statement) else None


def narrowed(statement: Mapping[str, Any]) -> bool:
    """Whether a condition says who the caller is: positively, and by more than a bare wildcard."""
    for operator, keys in (statement.get("Condition") or {}).items():
        base = str(operator).lower().rpartition(":")[2]
        if base in NARROW_OPERATORS and isinstance(keys, Mapping):
            for key, values in keys.items():
                if str(key).lower() in NARROWING and all(str(one).strip("*") for one in as_list(values)):
                    return True
    return False


def subject_named(statement: Mapping[str, Any]) -> bool:
    """Whether a trust in a web identity says whose: a `:sub` without a bare wildcard, and an `:aud`."""
    found: dict[str, bool] = {}
    for operator, keys in (statement.get("Condition") or {}).items():
        if str(operator).lower() in NARROW_OPERATORS and isinstance(keys, Mapping):
            for key, values in keys.items():
                name = str(key).lower().rpartition(":")[2]
                found[name] = bool(as_list(values)) and all(str(one).strip("*") for one in as_list(values))
    return found.get("sub", False) and found.get("aud", False)


@on_resource(
    "no-star-actions",
    says="No policy document allows every action, every action of a service, or all but some.",
    remedy="List the actions that are used. If AWS itself asks for the wildcard, add the statement to "
    "policy/exceptions.py with its reason.",
    severity=Severity.CRITICAL,
)
def no_star_actions(resource: Resource) -> Iterator[str]:
    for _, statements in documents(resource):
        for statement in statements:
            if not excused("no-star-actions", resource.type, statement):
                yield from too_broad(statement)


@on_resource(
    "changes-name-their-resource",
    says="Actions that change something or read secrets name their resource or have a condition.",
    remedy='Put ARNs in place of "*". If AWS knows no resource type for the action, add it to NO_RESOURCE in '
    "policy/exceptions.py with its reason.",
    severity=Severity.HIGH,
)
def changes_name_their_resource(resource: Resource) -> Iterator[str]:
    for kind, statements in documents(resource):
        # In a resource's own policy `*` means that resource.
        if kind == IDENTITY:
            for statement in statements:
                yield from unbound(statement)


@on_resource(
    "trust-is-narrow",
    says="Nothing trusts everybody: roles, keys, buckets, topics, queues and functions name who may use "
    "them.",
    remedy="Name the role, the account or the service; a wildcard principal needs a condition such as "
    "aws:SourceArn or aws:PrincipalAccount. A web identity needs both its subject and its audience.",
    severity=Severity.CRITICAL,
)
def trust_is_narrow(resource: Resource) -> Iterator[str]:
    for kind, statements in documents(resource):
        if kind in (IDENTITY, ENDPOINT):  # an endpoint's policy only narrows what identities may do
            continue
        for statement in statements:
            who = open_to(statement)
            if who:
                yield f"it is open to {who}"
            principal = statement.get("Principal")
            federated = principal.get("Federated") if isinstance(principal, Mapping) else None
            if kind == TRUST and allows(statement) and federated and not subject_named(statement):
                yield f"any identity of {federated} may assume it"
    if resource.type == "aws:lambda/permission:Permission" and resource.get("principal") == "*":
        yield "everybody may invoke the function"
    if resource.type == "aws:lambda/functionUrl:FunctionUrl" and resource.get("authorizationType") == "NONE":
        yield "the function's URL asks nobody who they are"


def owned_by_people(assignment: Resource) -> bool:
    """The seed's "resource group owner": a group of people, and no more than one resource group."""
    owner = str(assignment.get("roleDefinitionId")).lower().endswith(OWNER)
    scope = assignment.get("scope")
    inside = not known(scope) or "/resourcegroups/" in str(scope).lower()
    return owner and assignment.get("principalType") == "Group" and inside


@on_resource(
    "no-broad-managed-policies",
    says="Nobody has a ready-made policy or role for administrators, but for the people who own the standby's "
    "resource group.",
    remedy="Write a policy with the actions that are used, or take a narrower managed one.",
    severity=Severity.HIGH,
)
def no_broad_managed_policies(resource: Resource) -> Iterator[str]:
    attached = (
        [resource.get("policyArn")]
        if "Attachment" in resource.type
        else [*resource.each("managedPolicyArns")]
    )
    for arn in attached:
        name = str(arn).rpartition("/")[2]
        if known(arn) and (name in BROAD_MANAGED or name.endswith("FullAccess")):
            yield f"{name} is attached"
    if resource.type == "azure-native:authorization:RoleAssignment":
        definition = str(resource.get("roleDefinitionId")).rpartition("/")[2].lower()
        if definition in BROAD_AZURE and not owned_by_people(resource):
            yield f"it gives the role {BROAD_AZURE[definition]}"


@on_resource(
    "azure-roles-cannot-delete",
    says="A custom Azure role lists what it gives, and deletes nothing: it exists so that AWS may only add "
    "backups.",
    remedy="Remove wildcards and delete actions from the role definition; what deletes backups is the "
    "lifecycle policy.",
    severity=Severity.CRITICAL,
)
def azure_roles_cannot_delete(resource: Resource) -> Iterator[str]:
    if resource.type != "azure-native:authorization:RoleDefinition":
        return
    for permission in resource.each("permissions"):
        for key in ("actions", "dataActions"):
            for action in known_list(permission.get(key)):
                text = str(action).lower()
                if "*" in text:
                    yield f"{key} has a wildcard: {action}"
                elif text.endswith("/delete") or (
                    text.endswith("/action") and "delete" in text.split("/")[-2]
                ):
                    yield f"{key} may delete: {action}"


@on_resource(
    "no-long-lived-keys",
    says="Nobody has a key that does not expire: no IAM user, no access key, no shared key of a storage "
    "account.",
    remedy="Use a role (AWS) or a managed or federated identity (Azure); the storage account gets "
    "allow_shared_key_access=False.",
    severity=Severity.CRITICAL,
)
def no_long_lived_keys(resource: Resource) -> Iterator[str]:
    if resource.type in (
        "aws:iam/accessKey:AccessKey",
        "aws:iam/user:User",
        "aws:iam/userLoginProfile:UserLoginProfile",
        "aws:ec2/keyPair:KeyPair",
    ):
        yield f"{resource.type.rpartition(':')[2]} is a credential that does not expire"
    if resource.type == "azure-native:storage:StorageAccount":
        allowed = resource.get("allowSharedKeyAccess")
        if known(allowed) and (allowed is None or allowed is True):  # Azure's default is yes
            yield "the account's keys are accepted (allowSharedKeyAccess)"


IDENTITIES = [
    no_star_actions,
    changes_name_their_resource,
    trust_is_narrow,
    no_broad_managed_policies,
    azure_roles_cannot_delete,
    no_long_lived_keys,
]
