"""Read the SQL that a revision runs on PostgreSQL, and report statements that stop others.

Squawk has rules for the same end, and a table that it does not know to be new or small. The rules
here object to all that it calls a lock, a rewrite or a break, and to updates of many rows as well.
"""

import re
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory
from alembic.util import to_tuple

ROOT = Path(__file__).parents[1]
HELPERS = "app.kit.database.migration_helpers"

ADD_COLUMN = (
    r"ALTER TABLE .*\bADD (?!CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)"
    r"(COLUMN )?(IF NOT EXISTS )?\S+ "
)
# For statements that match a pattern, the sentence says what to write instead.
BLOCKING = {
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)": (
        f"Nobody can write while the index is built: use {HELPERS}.create_index."
    ),
    r"DROP INDEX (?!CONCURRENTLY)": (
        f"Everybody waits behind the oldest transaction: use {HELPERS}.drop_index."
    ),
    r"REINDEX (?!.*CONCURRENTLY)": "Nobody can write meanwhile: write REINDEX … CONCURRENTLY.",
    r"REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)": (
        "Nobody can read it meanwhile: write REFRESH MATERIALIZED VIEW CONCURRENTLY."
    ),
    r"(VACUUM .*FULL|CLUSTER|LOCK|TRUNCATE)\b": (
        "It locks the whole table: leave it out, or run it by hand at a quiet hour."
    ),
    rf"{ADD_COLUMN}.*\bGENERATED ALWAYS AS .*\bSTORED": (
        "Adding a stored generated column rewrites the table: add a plain column, fill it with "
        f"{HELPERS}.update_in_batches and keep it with a trigger or in the code."
    ),
    rf"{ADD_COLUMN}(SMALLSERIAL|BIGSERIAL|SERIAL|.*\bAS IDENTITY)\b": (
        "Numbering the rows rewrites the table: add the column without a default, fill it with "
        f"{HELPERS}.update_in_batches, then set the default."
    ),
    rf"{ADD_COLUMN}.*\b(UNIQUE|PRIMARY KEY|REFERENCES|CHECK)\b": (
        "The constraint is checked on all rows under a lock: add the plain column first, then an "
        f"index by {HELPERS}.create_index or the constraint as NOT VALID."
    ),
    r"ALTER TABLE .*\bALTER (COLUMN )?\S+ (SET DATA )?TYPE\b": (
        "A change of type rewrites the table: add a column of the new type, fill it with "
        f"{HELPERS}.update_in_batches, and drop the old one in a later release."
    ),
    r"ALTER TABLE .*\bADD (CONSTRAINT \S+ )?(CHECK|FOREIGN KEY)\b(?!.*NOT VALID)": (
        "All rows are checked under a lock: add it with postgresql_not_valid=True, and write "
        "ALTER TABLE … VALIDATE CONSTRAINT … in the next revision."
    ),
    r"ALTER TABLE .*\bADD (CONSTRAINT \S+ )?(UNIQUE|PRIMARY KEY|EXCLUDE)\b(?!.*USING INDEX)": (
        f"Its index is built under a lock: build it by {HELPERS}.create_index(…, unique=True), "
        "and write ADD CONSTRAINT … UNIQUE USING INDEX … in the next revision."
    ),
    r"ALTER TABLE .*\bADD (CONSTRAINT \S+ )?NOT NULL\b(?!.*NOT VALID)": (
        "All rows are checked under a lock: add it as NOT VALID, and write ALTER TABLE … VALIDATE "
        "CONSTRAINT … in the next revision."
    ),
    r"ALTER DOMAIN .*\bADD (CONSTRAINT \S+ )?CHECK\b(?!.*NOT VALID)": (
        "All columns of the domain are checked under a lock: add it as NOT VALID, and write ALTER "
        "DOMAIN … VALIDATE CONSTRAINT … in the next revision."
    ),
    r"ALTER TABLE .*\bDETACH PARTITION (?!.*(CONCURRENTLY|FINALIZE))": (
        "Everybody waits for the partitioned table: write DETACH PARTITION … CONCURRENTLY."
    ),
    r"ALTER TABLE .*\bATTACH PARTITION\b": (
        "All rows of the partition are checked under a lock: validate a CHECK of its bounds "
        "before, and then name the table in MAY_LOCK."
    ),
    r"ALTER TABLE .*\bSET (LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b": (
        "It rewrites the table: leave it out, or run it by hand at a quiet hour."
    ),
    r"DO .*\bBLOCK\b": (
        "A DO block without COMMIT is one transaction, and this test does not read it: use "
        f"{HELPERS}.update_in_batches or plain statements."
    ),
    r"(WITH .*)?\b(UPDATE|DELETE FROM|MERGE INTO) (?!SET)": (
        f"All rows it changes stay locked until the end: use {HELPERS}.update_in_batches, or move "
        "the work into a task."
    ),
}
# These fail, or stop the code of the release before, which serves until the deployment is done.
BREAKING = {
    rf"{ADD_COLUMN}(?!.*\b(DEFAULT|GENERATED|SERIAL|BIGSERIAL|SMALLSERIAL)\b).*\bNOT NULL\b": (
        "A table with rows refuses a required column without a value: give it a server_default, or "
        "add it nullable, and require it in a later revision."
    ),
    r"ALTER TABLE .*\bRENAME (?!CONSTRAINT)": (
        "The release before uses the old name: add the new one beside it, copy with "
        f"{HELPERS}.update_in_batches, and drop the old one in a later release."
    ),
    r"(ALTER TABLE .*\bDROP (COLUMN )?(?!CONSTRAINT|NOT NULL|DEFAULT)|DROP TABLE )": (
        "The release before may use it: say in MAY_BREAK which release has stopped using it."
    ),
}
# These return one value for all rows, which PostgreSQL stores beside the table.
STABLE = r"\b(now|transaction_timestamp|statement_timestamp) ?\(\)|(CURRENT|LOCAL)_?TIME\w* ?\(\d\)"
VOLATILE_DEFAULT = (
    "A default that differs from row to row rewrites the table: add the column without one, set "
    f"the default in the next revision, and fill old rows with {HELPERS}.update_in_batches."
)
UNCHECKED_NOT_NULL = (
    "All rows are checked under a lock: add CHECK (… IS NOT NULL) as NOT VALID in one revision, "
    "VALIDATE it in the next, and SET NOT NULL in a third, which then needs no look at the rows."
)
VALIDATED_AT_ONCE = (
    "The lock of ADD CONSTRAINT lasts until the transaction ends: write VALIDATE CONSTRAINT in a "
    "revision of its own."
)
NOT_REPEATABLE = (
    "The steps before one outside of a transaction are committed, and run again after an "
    "interruption: put it into a revision of its own, or write IF [NOT] EXISTS."
)
OUTSIDE = (
    r"(CREATE (UNIQUE )?INDEX CONCURRENTLY|DROP INDEX CONCURRENTLY|REINDEX .*CONCURRENTLY|DO\b"
    r"|ALTER TABLE .*\bDETACH PARTITION .*CONCURRENTLY)"
)


def sql_of(scripts: ScriptDirectory, revision: Script) -> list[str]:
    """Return the statements of a revision's upgrade, as `db upgrade --sql` prints them."""
    written: list[str] = []

    class Statements(StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

    config = Config()
    config.set_main_option("script_location", str(scripts.dir))
    before = to_tuple(revision.down_revision, ()) + to_tuple(revision.dependencies, ())

    def steps(current: str, _context: object) -> list:
        return scripts._upgrade_revs(revision.revision, current)

    with EnvironmentContext(
        config,
        scripts,
        fn=steps,
        as_sql=True,
        starting_rev=before or None,
        destination_rev=revision.revision,
    ) as environment:
        environment.configure(
            dialect_name="postgresql",
            output_buffer=Statements(),
            literal_binds=True,
            transaction_per_migration=True,
        )
        with environment.begin_transaction():
            environment.run_migrations()
    return [part for text in written for part in statements(text)]


def statements(text: str) -> Iterator[str]:
    """Yield each statement in one line, without comments and quoted values."""
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r"\$(\w*)\$(.*?)\$\1\$", _block, text, flags=re.DOTALL)
    text = re.sub(r"'(?:[^']|'')*'", "''", text)
    for part in text.split(";"):
        if line := " ".join(part.replace('"', "").split()):
            yield line


def _block(found: re.Match[str]) -> str:
    return "BLOCK_THAT_COMMITS" if re.search(r"\bCOMMIT\b", found[2], re.I) else "BLOCK"


def objections(
    lines: list[str],
    may_lock: dict[str, str] | None = None,
    earlier: Sequence[str] = (),
    *,
    may_break: dict[str, str] | None = None,
) -> list[str]:
    """Return a sentence for each statement that stops others, with what to write instead.

    Tables that the revision creates are empty. `may_lock` names tables (and indexes to drop) that
    have few rows, with the reason. `may_break` names tables that lose what the release before no
    longer uses. `earlier` has the statements of the earlier revisions.
    """
    made = set(_named(r"CREATE TABLE (?:IF NOT EXISTS )?([\w.]+)", lines)) | {"alembic_version"}
    spared = {name.lower() for name in {*made, *(may_lock or {})}}
    given_up = {name.lower() for name in {*made, *(may_break or {})}}
    apart = [n for n, line in enumerate(lines) if re.match(OUTSIDE, line, re.I)]
    found: list[str] = []
    for number, line in enumerate(lines):
        say = []
        if apart and number < apart[-1] and number not in apart and not _is_repeatable(line):
            say.append(NOT_REPEATABLE)
        if not given_up & _touched_by(line):
            say += [sentence for p, sentence in BREAKING.items() if re.match(p, line, re.I)]
        if not spared & _touched_by(line):
            say += [sentence for p, sentence in BLOCKING.items() if re.match(p, line, re.I)]
            if _has_volatile_default(line):
                say.append(VOLATILE_DEFAULT)
            if _is_unchecked_not_null(line, [*earlier, *lines[:number]]):
                say.append(UNCHECKED_NOT_NULL)
            if _is_validated_at_once(line, lines):
                say.append(VALIDATED_AT_ONCE)
        found += [f"{line[:120]}\n    {sentence}" for sentence in say]
    return found


def _named(pattern: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield from re.findall(pattern, line, re.I)


def _touched_by(line: str) -> set[str]:
    """Return the tables that a statement changes, and the indexes that it drops."""
    pattern = (
        r"\b(?:ALTER TABLE|UPDATE|DELETE FROM|TRUNCATE|LOCK|MERGE INTO|DROP INDEX|DROP TABLE"
        r"|ATTACH PARTITION) (?:TABLE )?(?:IF EXISTS )?(?:ONLY )?([\w.]+)"
        r"|INDEX .*? ON (?:ONLY )?([\w.]+)"
    )
    found = {name.lower() for pair in re.findall(pattern, line, re.I) for name in pair if name}
    return {name.removeprefix("public.") for name in found}


def _is_repeatable(line: str) -> bool:
    harmless = r"(BEGIN|COMMIT)$|SET |(UPDATE|INSERT INTO) alembic_version"
    return bool(
        re.match(harmless, line, re.I) or re.search(r"IF (NOT )?EXISTS|OR REPLACE", line, re.I)
    )


def _has_volatile_default(line: str) -> bool:
    if not re.match(ADD_COLUMN, line, re.I):
        return False
    default = re.search(r"\bDEFAULT (.*)", line, re.I)
    return bool(
        default
        and re.search(
            r"\w ?\(", re.sub(rf"{STABLE}|::[\w ]+\([\d, ]+\)", "", default[1], flags=re.I)
        )
    )


def _is_unchecked_not_null(line: str, before: Sequence[str]) -> bool:
    found = re.match(r"ALTER TABLE (\S+) .*\bALTER (?:COLUMN )?(\S+) SET NOT NULL", line, re.I)
    if not found:
        return False
    check = rf"ALTER TABLE {found[1]} ADD CONSTRAINT (\S+) CHECK \(+{found[2]} IS NOT NULL\)"
    return not any(
        re.match(rf"ALTER TABLE {found[1]} VALIDATE CONSTRAINT {name}\b", line, re.I)
        for name in _named(check, before)
        for line in before
    )


def _is_validated_at_once(line: str, lines: list[str]) -> bool:
    found = re.match(r"ALTER TABLE (\S+) VALIDATE CONSTRAINT (\S+)", line, re.I)
    return bool(found) and any(
        re.match(rf"ALTER TABLE {found[1]} ADD CONSTRAINT {found[2]}\b", other, re.I)
        for other in lines
    )
