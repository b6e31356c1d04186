"""settings.py: wrong settings are named by the name the user knows, and never with a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore.errors import ConfigurationError
from restore.settings import AgentConfig, JobSettings, mysql_ca_file, rooted

ENV = {
    "PLANB_JOB": "restore",
    "PLANB_RUN": "7",
    "PLANB_BACKUP": "backup-20261124-031500",
    "PLANB_CONTAINER_URL": "https://x.blob.core.windows.net/mysql-backups",
    "PLANB_DB_HOST": "db",
    "PLANB_DB_NAME": "petclinic",
    "PLANB_DB_USER": "admin",
    "PLANB_DB_PASSWORD": "canary-1",
    "PLANB_APP_USER": "planb_app",
    "PLANB_APP_PASSWORD": "canary-2",
}


def test_a_job_from_its_environment() -> None:
    settings = JobSettings.from_env(ENV)
    assert settings.database({}).host == "db"
    assert settings.database({}).password.get_secret_value() == "canary-1"
    assert "canary" not in repr(settings) + repr(settings.database({}))


@pytest.mark.parametrize("name", sorted(ENV))
def test_each_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        JobSettings.from_env({key: value for key, value in ENV.items() if key != name})
    assert "canary" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "value"), [("PLANB_JOB", "drop"), ("PLANB_RUN", "../x"), ("PLANB_DB_PORT", "70000")]
)
def test_each_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        JobSettings.from_env(ENV | {name: value})


def test_a_backup_job_needs_no_backup_name() -> None:
    env = {key: value for key, value in ENV.items() if key not in ("PLANB_BACKUP", "PLANB_APP_PASSWORD")}
    assert JobSettings.from_env(env | {"PLANB_JOB": "backup"}).job == "backup"


def test_a_feeder_makes_the_application_s_account_and_so_needs_its_password() -> None:
    env = {key: value for key, value in ENV.items() if key != "PLANB_BACKUP"} | {"PLANB_JOB": "follow"}
    assert JobSettings.from_env(env).job == "follow"
    with pytest.raises(ConfigurationError, match="PLANB_APP_PASSWORD"):
        JobSettings.from_env({key: value for key, value in env.items() if key != "PLANB_APP_PASSWORD"})


CONFIG = {
    "container_url": "https://x.blob.core.windows.net/mysql-backups",
    "region": "ap-northeast-2",
    "database": {"host": "db", "port": 3306, "name": "petclinic"},
    "master_secret_arn": "arn:m",
    "backup_secret_arn": "arn:b",
    "app_secret_arn": "arn:a",
    "replication_secret_arn": "arn:r",
    "something_new": True,
}


def test_the_agents_file_below_its_root(tmp_path: Path) -> None:
    (tmp_path / "etc/planb").mkdir(parents=True)
    (tmp_path / "etc/planb/agent.json").write_text(json.dumps(CONFIG))
    config = AgentConfig.load(Path("/etc/planb/agent.json"), {"PLANB_ROOT": str(tmp_path)})
    assert config.database.name == "petclinic" and config.azure is None and config.site == "aws"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "dictionary"),
        (json.dumps(CONFIG | {"azure": {"auth": "sas"}}), "sas_secret_arn"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "agent.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"agent.json.*{says}"):
        AgentConfig.load(path, {})


def test_roots() -> None:
    assert rooted(Path("/etc/x"), {}) == Path("/etc/x")
    assert rooted(Path("/etc/x"), {"PLANB_ROOT": "/r"}) == Path("/r/etc/x")
    assert rooted(Path("/r/etc/x"), {"PLANB_ROOT": "/r"}) == Path("/r/etc/x")
    assert rooted(Path("x"), {"PLANB_ROOT": "/r"}) == Path("x")


def test_the_ca_file(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert mysql_ca_file({}) is None
    assert mysql_ca_file({"SSL_CERT_FILE": str(bundle)}) == bundle
    with pytest.raises(ConfigurationError, match="PLANB_MYSQL_CA_FILE"):
        mysql_ca_file({"PLANB_MYSQL_CA_FILE": "/nonexistent", "SSL_CERT_FILE": str(bundle)})
