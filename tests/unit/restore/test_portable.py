"""portable.py: DEFINERs go, everything else stays as it was, wherever the stream is cut."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from restore.portable import DefinerFilter

DUMP = b"""-- MySQL dump
/*!50503 SET NAMES utf8mb4 */;

DROP TABLE IF EXISTS `t`;
CREATE TABLE `t` (
  `a` text
) ENGINE=InnoDB;
INSERT INTO `t` VALUES ('CREATE DEFINER=`x`@`y` PROCEDURE p()'),('/*!50013 DEFINER=`x`@`y` SQL SECURITY DEFINER */');
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`local``host`*/ /*!50003 TRIGGER `tr` BEFORE INSERT ON `t` FOR EACH ROW begin

CREATE DEFINER=`in`@`body` PROCEDURE not_a_statement;
INSERT INTO x VALUES (1);
end */;;
DELIMITER ;
DELIMITER ;;
/*!50003 SET time_zone = 'SYSTEM' */ ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`a b`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO begin end */ ;;
DELIMITER ;
DELIMITER ;;
CREATE DEFINER=`root`@`%` FUNCTION `f`() RETURNS int
return 1 ;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`%` SQL SECURITY INVOKER */
/*!50001 VIEW `v` AS select 1 AS `1` */;
-- Dump completed
"""
EXPECTED = (
    DUMP.replace(b" /*!50017 DEFINER=`root`@`local``host`*/", b"")
    .replace(b" /*!50117 DEFINER=`a b`@`%`*/", b"")
    .replace(b"CREATE DEFINER=`root`@`%` FUNCTION", b"CREATE FUNCTION")
    .replace(b"DEFINER=`root`@`%` SQL SECURITY INVOKER", b"SQL SECURITY INVOKER")
)


def _filtered(chunks: list[bytes]) -> tuple[bytes, DefinerFilter]:
    definers = DefinerFilter()
    out = b"".join(definers.feed(chunk) for chunk in chunks)
    return out + definers.finish(), definers


def test_only_the_definers_of_statements_go() -> None:
    out, definers = _filtered([DUMP])
    assert out == EXPECTED
    assert definers.objects == {"views": 1, "triggers": 1, "routines": 1, "events": 1}
    assert definers.longest_line == max(len(line) for line in DUMP.splitlines(keepends=True))


@settings(deadline=None)
@given(st.lists(st.integers(0, len(DUMP)), max_size=12))
def test_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(DUMP)]
    out, definers = _filtered([DUMP[a:b] for a, b in itertools.pairwise(edges)])
    assert out == EXPECTED
    assert definers.longest_line == max(len(line) for line in DUMP.splitlines(keepends=True))


def test_rows_are_passed_on_without_waiting_for_their_end() -> None:
    """A row may have a gigabyte: it must not be collected."""
    definers = DefinerFilter()
    assert definers.feed(b"INSERT INTO `t` VALUES (") == b"INSERT INTO `t` VALUES ("
    assert definers.feed(b"'x" * 100) == b"'x" * 100
