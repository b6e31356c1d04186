"""The data that the drill runs on: PetClinic's tables filled from a seed, the same rows for the same seed."""

from __future__ import annotations

import json
import os
import random
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pymysql

from runbook.errors import Refused

SCHEMA = Path(__file__).with_name("schema.sql")
BATCH = 2_000
MINIMUM_ROWS = 500

_FAMILY = ("김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "Davis", "O'Brien", "Núñez", "Müller")
_GIVEN = ("민준", "서연", "도윤", "하은", "지호", "수아", "George", "Betty", "Zoë", "Ólafur")
_CITIES = ("서울", "부산", "인천", "대구", "Madison", "Sun Prairie", "McFarland", "Düsseldorf")
_PETS = ("Leo", "바둑이", "나비", "Rosy", "Jewel", "Iggy", "초코", "Samantha", "Max 🐶", "Lucky")
_TYPES = ("cat", "dog", "lizard", "snake", "bird", "hamster")
_SPECIALTIES = ("radiology", "surgery", "dentistry")
_WORDS = (
    "rabies shot",
    "예방 접종",
    "neutered",
    "spayed",
    "치과 검진",
    "x-ray",
    "checkup",
    "수술 후 관찰",
    'said "ow"',
    "a\\b",
)

Row = tuple[Any, ...]


def shares(total: int) -> dict[str, int]:
    """How many rows each large table gets of `total`: visits dominate, as in a real clinic.

    Raises ValueError below `MINIMUM_ROWS`, where the shares would leave a table empty.
    """
    if total < MINIMUM_ROWS:
        raise ValueError(f"at least {MINIMUM_ROWS} rows are needed, {total} were asked for")
    fixed = len(_TYPES) + len(_SPECIALTIES)
    vets = max(6, total // 1000)
    owners = total * 20 // 100
    pets = total * 25 // 100
    return {
        "vets": vets,
        "vet_specialties": vets,
        "owners": owners,
        "pets": pets,
        "visits": total - fixed - 2 * vets - owners - pets,
    }


def rows(total: int, seed: int) -> Iterator[tuple[str, list[str], list[Row]]]:
    """(table, columns, batch of rows) in an order that foreign keys accept; ids are consecutive from 1."""
    dice = random.Random(seed)
    size = shares(total)
    yield "types", ["id", "name"], [(n, name) for n, name in enumerate(_TYPES, 1)]
    yield "specialties", ["id", "name"], [(n, name) for n, name in enumerate(_SPECIALTIES, 1)]
    makers: list[tuple[str, list[str], Callable[[int], Row]]] = [
        ("vets", ["id", "first_name", "last_name"], lambda n: (n, dice.choice(_GIVEN), dice.choice(_FAMILY))),
        (
            "vet_specialties",
            ["vet_id", "specialty_id"],
            lambda n: (n, dice.randint(1, len(_SPECIALTIES))),
        ),
        (
            "owners",
            ["id", "first_name", "last_name", "address", "city", "telephone"],
            lambda n: (
                n,
                dice.choice(_GIVEN),
                dice.choice(_FAMILY),
                f"{dice.randint(1, 999)} {dice.choice(_CITIES)}-ro",
                dice.choice(_CITIES),
                f"010{dice.randint(10_000_000, 99_999_999)}",
            ),
        ),
        (
            "pets",
            ["id", "name", "birth_date", "type_id", "owner_id"],
            lambda n: (
                n,
                dice.choice(_PETS),
                date(2010, 1, 1) + timedelta(days=dice.randint(0, 5500)),
                dice.randint(1, len(_TYPES)),
                dice.randint(1, size["owners"]),
            ),
        ),
        (
            "visits",
            ["id", "pet_id", "visit_date", "description"],
            lambda n: (
                n,
                dice.randint(1, size["pets"]),
                date(2020, 1, 1) + timedelta(days=dice.randint(0, 2000)),
                None if dice.random() < 0.02 else f"{dice.choice(_WORDS)} #{n}",
            ),
        ),
    ]
    for table, columns, make in makers:
        for first in range(1, size[table] + 1, BATCH):
            last = min(first + BATCH, size[table] + 1)
            yield table, columns, [make(n) for n in range(first, last)]


def fill(outputs: Mapping[str, Any], total: int, seed: int) -> int:
    """`load` into production's database, as the master account; returns the rows written.

    Raises:
        Refused: it has tables already.
    """
    import boto3

    client: Any = boto3.client("secretsmanager", region_name=str(outputs["region"]))
    secret = json.loads(client.get_secret_value(SecretId=outputs["databaseMasterSecretArn"])["SecretString"])
    connection = pymysql.connect(
        host=str(outputs["databaseHost"]),
        port=int(outputs["databasePort"]),
        user=secret["username"],
        password=secret["password"],
        database=str(outputs["databaseName"]),
        charset="utf8mb4",
        ssl=ssl.create_default_context(cafile=os.environ["PLANB_MYSQL_CA_FILE"]),
    )
    try:
        with connection.cursor() as cursor:
            if cursor.execute("SHOW TABLES"):
                raise Refused(
                    "the database has tables already",
                    resource=f"database {outputs['databaseName']} on {outputs['databaseHost']}",
                    meaning="nothing was written",
                    next_step="planb status",
                )
        return load(connection, total, seed)
    finally:
        connection.close()


def load(
    connection: pymysql.Connection[Any],
    total: int,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Creates the schema in the connection's database and fills it; returns the rows written."""
    done = 0
    with connection.cursor() as cursor:
        for statement in SCHEMA.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        for table, columns, batch in rows(total, seed):
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", batch)
            connection.commit()
            done += len(batch)
            progress(done)
    return done
