"""A database with everything that has ever broken a dump."""

from __future__ import annotations

EVERYTHING = [
    """CREATE TABLE kinds (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
      tiny TINYINT, big BIGINT UNSIGNED, price DECIMAL(30,10), f FLOAT, d DOUBLE, zero INT(6) ZEROFILL,
      bits BIT(17), flag BIT(1), day DATE, at DATETIME(6), stamp TIMESTAMP(6) NULL, span TIME(3), y YEAR,
      code CHAR(7), word VARCHAR(200), latin VARCHAR(100) CHARACTER SET latin1, long_text LONGTEXT,
      fixed BINARY(16), raw VARBINARY(300), picture MEDIUMBLOB, doc JSON,
      choice ENUM('a','b|','ㄱ'), several SET('x','y','z'),
      place GEOMETRY SRID 4326, hidden INT INVISIBLE DEFAULT 7,
      both_names VARCHAR(400) GENERATED ALWAYS AS (CONCAT(word, '/', code)) VIRTUAL,
      twice BIGINT GENERATED ALWAYS AS (tiny * 2) STORED,
      KEY (word), KEY (twice), FULLTEXT KEY (long_text)) DEFAULT CHARSET utf8mb4""",
    r"""INSERT INTO kinds (tiny,big,price,f,d,zero,bits,flag,day,at,stamp,span,y,code,word,latin,long_text,fixed,raw,
      picture,doc,choice,several,place,hidden) VALUES
      (1, 18446744073709551615, '12345678901234567890.0123456789', 1.25, 2.2250738585072014e-308, 42,
       b'10101010101010101', b'1', '2026-02-28', '2026-03-29 02:30:00.123456', '2026-10-25 01:30:00.654321',
       '-838:59:58.999', 2026, 'A ', '고객 🐈 O''Brien \\ "q"', _utf8mb4'café', 'line 1\nline 2\r\n;;\nDELIMITER ;;',
       UNHEX('00112233445566778899AABBCCDDEEFF'), UNHEX('00FF270A0D5C1A'), REPEAT(UNHEX('00270A5C22FF'), 5000),
       '{"b": [1, 2.5, null, "ㅎ"], "a": {"k": "v"}}', 'ㄱ', 'x,z', ST_GeomFromText('POINT(37.5 127)', 4326), 1),
      (-128, 0, '-0.0000000001', -0.5, -1.7976931348623157e308, 0, b'0', b'0', '0001-01-01',
       '9999-12-31 23:59:59.999999',
       NULL, '838:59:59', 1901, '', '', '', '', REPEAT(UNHEX('00'), 16), '', '', '[]', 'a', '', NULL, NULL),
      (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,
       NULL,NULL,NULL),
      (5, 5, 5, 0.1, 0.1, 5, b'101', b'1', '2026-01-01', '2026-01-01', '2026-01-01', '00:00:01', 2000, 'x', 'NULL', '~',
       "/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */\nCREATE DEFINER=`a`@`b` PROCEDURE x() SELECT 1",
       'b', 'c', 'd', '"~"', 'b|', 'y', ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326), 3)""",
    "CREATE TABLE no_key (a INT, b VARCHAR(20))",
    "INSERT INTO no_key VALUES (1,'same'),(1,'same'),(2,NULL),(NULL,'')",
    "CREATE TABLE empty_one (id INT PRIMARY KEY)",
    "CREATE TABLE `odd ``name``%` (`odd ``column``` INT PRIMARY KEY, `order` TEXT)",
    "INSERT INTO `odd ``name``%` VALUES (1, 'one')",
    "CREATE TABLE parent (id INT PRIMARY KEY) ",
    "CREATE TABLE child (id INT PRIMARY KEY, parent_id INT NOT NULL, FOREIGN KEY (parent_id) REFERENCES parent (id))",
    "INSERT INTO parent VALUES (1),(2)",
    "INSERT INTO child VALUES (10,1),(11,2)",
    "CREATE TABLE audit (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(50))",
    "CREATE TABLE parted (id INT PRIMARY KEY, v INT) PARTITION BY HASH(id) PARTITIONS 3",
    "INSERT INTO parted VALUES (1,1),(2,2),(3,3)",
    "CREATE TRIGGER child_added AFTER INSERT ON child FOR EACH ROW BEGIN\n"
    " INSERT INTO audit (what) VALUES (CONCAT('child ', NEW.id, ';'));\n\nEND",
    "CREATE FUNCTION doubled(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
    "CREATE PROCEDURE add_child(IN i INT, IN p INT)\nBEGIN\n  -- a comment;\n\n"
    "  -- CREATE DEFINER=`a`@`b` PROCEDURE x()\n  INSERT INTO child VALUES (i, p);\nEND",
    "CREATE VIEW children AS SELECT c.id, doubled(c.id) AS d FROM child c JOIN parent p ON p.id = c.parent_id",
    "CREATE SQL SECURITY INVOKER VIEW grandchildren AS SELECT * FROM children WHERE id > 10",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DO DELETE FROM audit WHERE n < 0",
]

PETCLINIC = [
    "CREATE TABLE owners (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, first_name VARCHAR(30), last_name VARCHAR(30),"
    " address VARCHAR(255), city VARCHAR(80), telephone VARCHAR(20), INDEX(last_name))",
    "CREATE TABLE pets (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(30), birth_date DATE,"
    " type_id INT UNSIGNED NOT NULL, owner_id INT UNSIGNED, INDEX(name), FOREIGN KEY (owner_id) REFERENCES owners(id))",
    "CREATE TABLE visits (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, pet_id INT UNSIGNED, visit_date DATE,"
    " description VARCHAR(255), FOREIGN KEY (pet_id) REFERENCES pets(id))",
]


def petclinic(rows: int) -> list[str]:
    """Statements for a PetClinic of about `rows` rows: a tenth owners, a fifth pets, the rest visits."""
    owners, pets = max(1, rows // 10), max(1, rows // 5)
    visits = rows - owners - pets

    def series(count: int) -> str:
        return f"WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {count})"

    return [
        *PETCLINIC,
        "SET SESSION cte_max_recursion_depth = 100000000",
        "INSERT INTO owners (first_name, last_name, address, city, telephone) "
        + series(owners)
        + " SELECT CONCAT('First', i), CONCAT('Last', i % 997), CONCAT(i, ' W. Liberty St. ', SHA2(i, 224)), 'Madison',"
        " LPAD(i, 10, '0') FROM n",
        "INSERT INTO pets (name, birth_date, type_id, owner_id) "
        + series(pets)
        + f" SELECT CONCAT('Pet', i), DATE_ADD('2015-01-01', INTERVAL i % 3000 DAY), i % 6, 1 + i % {owners} FROM n",
        "INSERT INTO visits (pet_id, visit_date, description) "
        + series(visits)
        + f" SELECT 1 + i % {pets}, DATE_ADD('2020-01-01', INTERVAL i % 2000 DAY), CONCAT('rabies shot ', SHA2(i, 256))"
        " FROM n",
    ]
