"""restore/statements.py: a dump taken apart, whatever its cuts, and put together again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from restore.statements import Deferred, Rows, Splitter, Text, without_keys

OWNERS = b"""CREATE TABLE `owners` (
  `id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(30) DEFAULT NULL COMMENT 'a;\\nKEY `x`',
  PRIMARY KEY (`id`),
  UNIQUE KEY `u` (`name`),
  KEY `name` (`name`),
  FULLTEXT KEY `words` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
"""
PETS = b"""CREATE TABLE `pets` (
  `id` int NOT NULL,
  `owner` int NOT NULL,
  PRIMARY KEY (`id`),
  KEY `owner` (`owner`),
  CONSTRAINT `pets_ibfk_1` FOREIGN KEY (`owner`) REFERENCES `owners` (`id`)
) ENGINE=InnoDB;
"""
DUMP = (
    b"-- head\n/*!40101 SET NAMES utf8mb4 */;\n"
    + OWNERS
    + b"LOCK TABLES `owners` WRITE;\n/*!40000 ALTER TABLE `owners` DISABLE KEYS */;\n"
    + b"INSERT INTO `owners` VALUES (1,'a;'),(2,'b\\n;;');\nINSERT INTO `owners` VALUES (3,'\r');\n"
    + b"UNLOCK TABLES;\n"
    + b"DELIMITER ;;\n/*!50003 CREATE*/ /*!50003 TRIGGER t AFTER INSERT ON owners FOR EACH ROW BEGIN\n"
    + b"INSERT INTO `audit` VALUES (1);\nEND */;;\nDELIMITER ;\n"
    + PETS
    # MariaDB writes rows on lines of their own
    + b"INSERT INTO `pets` VALUES\n(1,1),\n(2,2);\n-- Dump completed\n"
)


def parts(cuts: list[int]) -> list[Rows | Text | Deferred]:
    splitter, found, at = Splitter(), [], 0
    for cut in [*sorted(cuts), len(DUMP)]:
        found += list(splitter.feed(DUMP[at:cut]))
        at = cut
    return [*found, *splitter.finish()]


def joined(found: list[Rows | Text | Deferred]) -> bytes:
    return b"".join(one.sql + (b"" if isinstance(one, Text) else b"|") for one in found)


@given(st.lists(st.integers(0, len(DUMP)), max_size=30))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    assert joined(parts(cuts)) == joined(parts([]))


def test_what_is_what() -> None:
    found = parts([])
    rows = [one for one in found if isinstance(one, Rows)]
    assert [one.table for one in rows] == [b"`owners`", b"`owners`", b"`pets`"]
    assert rows[0].sql == b"INSERT INTO `owners` VALUES (1,'a;'),(2,'b\\n;;')"
    assert rows[2].sql == b"INSERT INTO `pets` VALUES\n(1,1),\n(2,2)"
    text = b"".join(one.sql for one in found if isinstance(one, Text))
    assert b"LOCK TABLES" not in text and b"INSERT INTO `audit`" in text
    # The trigger waits for the rows before it.
    barrier = next(index for index, one in enumerate(found) if isinstance(one, Text) and one.barrier)
    assert all(found.index(one) < barrier for one in rows[:2])


def test_secondary_and_foreign_keys_come_later() -> None:
    create, deferred = without_keys(OWNERS)
    assert b"\n  KEY" not in create and b"UNIQUE KEY `u`" in create and create.endswith(b"utf8mb4;\n")
    assert b"UNIQUE KEY `u` (`name`)\n)" in create
    assert [one.sql for one in deferred] == [
        b"ALTER TABLE `owners` ADD KEY `name` (`name`), ADD FULLTEXT KEY `words` (`name`)"
    ]
    create, deferred = without_keys(PETS)
    assert create.endswith(b"PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\n")
    assert [one.last for one in deferred] == [False, True]
    assert b"ADD CONSTRAINT `pets_ibfk_1` FOREIGN KEY" in deferred[1].sql


def test_a_counter_outside_the_primary_key_keeps_its_key() -> None:
    odd = OWNERS.replace(b"PRIMARY KEY (`id`)", b"PRIMARY KEY (`name`,`id`)")
    assert without_keys(odd) == (odd, [])
