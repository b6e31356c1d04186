"""What keeps and what breaks the rules of policy/rules/secrets.py."""

from __future__ import annotations

import json

from policy.model import UNKNOWN
from tests.unit.policy.examples.parts import (
    CONNECTION,
    LAMBDA,
    SAS,
    SECRET_VERSION,
    STACK,
    STORAGE_KEY,
    TEMPLATE,
    Examples,
    b64,
    one,
)

SECRETS: dict[str, Examples] = {
    "no-plain-secrets": Examples(
        good=[
            one(
                TEMPLATE,
                userData=b64('#cloud-config\n{"secret_arn": "arn:aws:x", "token": "$TOKEN"}'),
            ),
            one(TEMPLATE, userData=UNKNOWN),
            one(
                LAMBDA,
                environment={
                    "variables": {"SECRET_ARN": "arn:aws:secretsmanager:x", "DB_PASSWORD_FILE": "/run/p"}
                },
            ),
            one(LAMBDA, environment={"variables": {"SLACK_TOKEN": UNKNOWN, "MODE": "aws"}}),
            one(LAMBDA, environment=UNKNOWN),
            one(
                "azure-native:containerinstance:ContainerGroup",
                containers=[
                    {
                        "name": "a",
                        "environmentVariables": [
                            {"name": "PLANB_DB_PASSWORD", "secureValue": "hunter2hunter2"},
                            {"name": "PLANB_DB_HOST", "value": "mysql-dr-blue.mysql.database.azure.com"},
                        ],
                    }
                ],
            ),
            one(
                "kubernetes:apps/v1:Deployment",
                spec={
                    "template": {
                        "spec": {
                            "containers": [
                                {
                                    "name": "was",
                                    "env": [
                                        {
                                            "name": "SPRING_DATASOURCE_PASSWORD",
                                            "valueFrom": {"secretKeyRef": {"name": "d", "key": "p"}},
                                        }
                                    ],
                                }
                            ]
                        }
                    }
                },
            ),
        ],
        bad=[
            one(TEMPLATE, userData=b64("#!/bin/sh\nexport AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n")),
            one(TEMPLATE, userData=b64('#cloud-config\n{"database": {"password": "correct-horse-battery"}}')),
            one("aws:ec2/instance:Instance", userData="mysqldump --password=correcthorse petclinic"),
            one("aws:ec2/instance:Instance", userData=f"az login; az storage blob upload --sas '{SAS}'"),
            one(TEMPLATE, userData=b64("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n")),
            one(LAMBDA, environment={"variables": {"DB_PASSWORD": "x"}}),
            one(
                LAMBDA, environment={"variables": {"HOOK": "https://hooks.slack.com/services/T000/B000/abc"}}
            ),
            one(LAMBDA, environment={"variables": {"DSN": "mysql://root:correcthorse@db:3306/x"}}),
            one(
                "azure-native:containerinstance:ContainerGroup",
                containers=[
                    {"name": "a", "environmentVariables": [{"name": "PLANB_DB_PASSWORD", "value": "x"}]}
                ],
            ),
            one(
                "kubernetes:apps/v1:Deployment",
                spec={"template": {"spec": {"containers": [{"env": [{"name": "API_KEY", "value": "x"}]}]}}},
            ),
            one("kubernetes:core/v1:ConfigMap", data={"DB_PASSWORD": "x"}),
            one("aws:ssm/parameter:Parameter", type="String", value=CONNECTION),
        ],
    ),
    "no-secrets-in-outputs": Examples(
        good=[
            one(
                STACK,
                originKey="x" * 40,
                appSecretArn="arn:aws:secretsmanager:x",
                edgeUrl="https://d1.cloudfront.net",
            ),
            one(STACK, originKey=UNKNOWN),
        ],
        bad=[
            one(STACK, connection=CONNECTION),
            one(STACK, upload={"url": f"https://bloberry01.blob.core.windows.net/mysql-backups?{SAS}"}),
            one(STACK, key="-----BEGIN PRIVATE KEY-----\nMIIE"),
        ],
    ),
    "no-azure-storage-key-in-aws": Examples(
        good=[
            one(SECRET_VERSION, secretString=json.dumps({"username": "planb_backup", "password": "x" * 32})),
            one(SECRET_VERSION, secretString=f"https://bloberry01.blob.core.windows.net/mysql-backups?{SAS}"),
            one(SECRET_VERSION, secretString=UNKNOWN),
            one(TEMPLATE, userData=b64("#cloud-config\n" + "x" * 200)),
            one("azure-native:dbformysql:Configuration", value=STORAGE_KEY),
        ],
        bad=[
            one(SECRET_VERSION, secretString=CONNECTION),
            one(SECRET_VERSION, secretString=json.dumps({"key": STORAGE_KEY})),
            one(SECRET_VERSION, secretString=SAS.replace("sp=acw", "sp=racwdl")),
            one(SECRET_VERSION, secretString=SAS.replace("sr=c", "ss=b&srt=co")),
            one(SECRET_VERSION, secretString=SAS.replace("&sr=c", "")),
            one(TEMPLATE, userData=b64(f"export AZURE_STORAGE_KEY={STORAGE_KEY}\n")),
            one(LAMBDA, environment={"variables": {"URL": f"https://x.blob.core.windows.net/c?{SAS}"}}),
            one("kubernetes:core/v1:Secret", stringData={"conn": CONNECTION}),
        ],
    ),
}
