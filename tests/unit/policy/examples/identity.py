"""What keeps and what breaks the rules of policy/rules/identity.py."""

from __future__ import annotations

from typing import Any

from policy.model import UNKNOWN, Resource
from tests.unit.policy.examples.parts import (
    ACCOUNT,
    BLOBS,
    CONTAINERS,
    NO_HTTP,
    Examples,
    allow,
    changed,
    inline,
    one,
    policy,
    trusts,
)


def owner(**more: Any) -> Resource:
    role = "/x/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    return one("azure-native:authorization:RoleAssignment", roleDefinitionId=role, **more)


IDENTITY: dict[str, Examples] = {
    "no-star-actions": Examples(
        good=[
            inline(allow("s3:GetObject")),
            inline({"Effect": "Deny", "Action": "*", "Resource": "*"}),
            inline(allow(["ec2:Describe*"], "*")),
            one("aws:iam/rolePolicy:RolePolicy", policy=UNKNOWN),
            one(
                "aws:kms/key:Key",
                policy=policy(allow("kms:*", "*", Principal={"AWS": "arn:aws:iam::123456789012:root"})),
            ),
        ],
        bad=[
            inline(allow("*", "*")),
            inline(allow("*", "arn:aws:s3:::b")),
            inline(allow("s3:*", "arn:aws:s3:::b")),
            inline(allow(["s3:GetObject", "secretsmanager:*"])),
            inline(allow("*:*")),
            inline(allow("s*:GetObject")),
            inline({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            inline({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b"}),
            one("aws:iam/policy:Policy", policy=policy(allow("iam:*", "*"))),
            one("aws:iam/role:Role", inlinePolicies=[{"name": "x", "policy": policy(allow("*", "*"))}]),
            one(
                "aws:kms/key:Key",
                policy=policy(
                    allow("kms:*", "*", Principal={"Service": "logs.ap-northeast-2.amazonaws.com"})
                ),
            ),
            one(
                "aws:sqs/queuePolicy:QueuePolicy", policy=policy(allow("sqs:*", "*", Principal={"AWS": "1"}))
            ),
        ],
    ),
    "changes-name-their-resource": Examples(
        good=[
            inline(allow("s3:PutObject")),
            inline(allow("ec2:DescribeInstances", "*")),
            inline(allow("ecr:GetAuthorizationToken", "*")),
            inline(
                allow(
                    "autoscaling:SetDesiredCapacity",
                    "*",
                    Condition={"StringEquals": {"aws:ResourceTag/a": "b"}},
                )
            ),
            inline({"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}),
            one(
                "aws:sns/topicPolicy:TopicPolicy",
                policy=policy(allow("sns:Publish", "*", Principal={"Service": "cloudwatch.amazonaws.com"})),
            ),
        ],
        bad=[
            inline(allow("s3:PutObject", "*")),
            inline(allow("secretsmanager:GetSecretValue", "*")),
            inline(allow("SecretsManager:Get*", ["*"])),
            inline(allow("ssm:GetParameter*", "*")),
            inline(allow("iam:PassRole", "*")),
            inline(allow("ec2:*Instances", "*")),
            one("aws:iam/policy:Policy", policy=policy(allow(["kms:Decrypt"], "*"))),
        ],
    ),
    "trust-is-narrow": Examples(
        good=[
            trusts({"Service": "ec2.amazonaws.com"}),
            trusts({"AWS": "arn:aws:iam::123456789012:role/blue-runbook"}),
            trusts("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
            trusts(
                {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"},
                Condition={
                    "StringEquals": {
                        "oidc.eks:sub": "system:serviceaccount:kube-system:x",
                        "oidc.eks:aud": "sts",
                    }
                },
            ),
            one("aws:s3/bucketPolicy:BucketPolicy", policy=policy(NO_HTTP)),
            one("aws:ec2/vpcEndpoint:VpcEndpoint", policy=policy(allow("s3:GetObject", "*", Principal="*"))),
            one(
                "aws:lambda/permission:Permission",
                action="lambda:InvokeFunction",
                principal="sns.amazonaws.com",
            ),
        ],
        bad=[
            trusts("*"),
            trusts({"AWS": "*"}),
            trusts({"AWS": ["arn:aws:iam::1:root", "*"]}),
            trusts("*", Condition={"StringLike": {"aws:PrincipalArn": "*"}}),
            trusts("*", Condition={"StringNotEquals": {"aws:PrincipalAccount": "1"}}),
            trusts("*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
            trusts({"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"}),
            trusts(
                {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"},
                Condition={"StringLike": {"oidc.eks:sub": "*", "oidc.eks:aud": "sts"}},
            ),
            trusts(
                {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"},
                Condition={"StringEquals": {"oidc.eks:sub": "system:serviceaccount:kube-system:x"}},
            ),
            one("aws:s3/bucketPolicy:BucketPolicy", policy=policy(allow("s3:GetObject", Principal="*"))),
            one("aws:sqs/queue:Queue", policy=policy(allow("sqs:SendMessage", "*", Principal={"AWS": "*"}))),
            one(
                "aws:kms/key:Key",
                policy=policy(
                    {
                        "Effect": "Allow",
                        "NotPrincipal": {"AWS": "1"},
                        "Action": "kms:Decrypt",
                        "Resource": "*",
                    }
                ),
            ),
            one("aws:lambda/permission:Permission", action="lambda:InvokeFunction", principal="*"),
            one("aws:lambda/functionUrl:FunctionUrl", authorizationType="NONE"),
        ],
    ),
    "no-broad-managed-policies": Examples(
        good=[
            one(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                policyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            ),
            one("aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=UNKNOWN),
            one(
                "azure-native:authorization:RoleAssignment",
                roleDefinitionId="/x/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe",
            ),
            owner(principalType="Group", scope="/subscriptions/s/resourceGroups/rg-blue"),
            owner(principalType="Group", scope=UNKNOWN),
        ],
        bad=[
            owner(principalType="Group", scope="/subscriptions/s"),
            owner(principalType="ServicePrincipal", scope="/subscriptions/s/resourceGroups/rg-blue"),
            owner(principalType="User", scope=UNKNOWN),
            one(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                policyArn="arn:aws:iam::aws:policy/AdministratorAccess",
            ),
            one("aws:iam/role:Role", managedPolicyArns=["arn:aws:iam::aws:policy/AmazonS3FullAccess"]),
            one(
                "azure-native:authorization:RoleAssignment",
                roleDefinitionId="/x/roleDefinitions/B24988AC-6180-42A0-AB88-20F7382DD24C",
            ),
        ],
    ),
    "azure-roles-cannot-delete": Examples(
        good=[
            one(
                "azure-native:authorization:RoleDefinition",
                permissions=[
                    {
                        "actions": [f"{CONTAINERS}/read"],
                        "dataActions": [
                            f"{CONTAINERS}/blobs/read",
                            f"{CONTAINERS}/blobs/add/action",
                        ],
                    }
                ],
            ),
        ],
        bad=[
            one("azure-native:authorization:RoleDefinition", permissions=[{"actions": ["*"]}]),
            *(
                one(
                    "azure-native:authorization:RoleDefinition",
                    permissions=[{"dataActions": [f"{CONTAINERS}/{last}"]}],
                )
                for last in (
                    "blobs/delete",
                    "blobs/*",
                    "blobs/deleteBlobVersion/action",
                    "blobs/permanentDelete/action",
                )
            ),
        ],
    ),
    "no-long-lived-keys": Examples(
        good=[one(ACCOUNT, **BLOBS), one(ACCOUNT, allowSharedKeyAccess=UNKNOWN)],
        bad=[
            *changed(BLOBS, ACCOUNT, {"allowSharedKeyAccess": True}, {"allowSharedKeyAccess": None}),
            one("aws:iam/accessKey:AccessKey", user="u"),
            one("aws:iam/user:User", name="u"),
            one("aws:ec2/keyPair:KeyPair", publicKey="ssh-ed25519 AAAA"),
        ],
    ),
}
