"""Content of a database as one digest a table: equal digests mean equal rows, whatever the server and the order.

The server computes it: every row becomes a SHA-256 of an unambiguous rendering (each value with its length, NULL
apart from empty, text as utf8mb4, times in UTC), and the first 64 bits of these are summed without overflow. A sum
needs no order and, unlike XOR, sees duplicated rows. MD5 and SHA1 are not used: MySQL 9.6 moved them to a component.
Invisible primary keys that the server generated are left out: they are not the application's data.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore import mysql
from restore.errors import ContentDiffers
from restore.models import TableDigest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from restore.mysql import Session
    from restore.settings import Database

__all__ = ["TableDigest", "differences", "require_equal", "table_digests"]
