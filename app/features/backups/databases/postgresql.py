"""Copy a PostgreSQL database with pg_dump, and restore it in one transaction of psql."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, Any

import psycopg
from flask import current_app
from psycopg import sql
from sqlalchemy import make_url

from app.extensions import db
from app.features.backups import pipes
from app.features.backups.archive import BackupManifest
from app.features.backups.databases import client_tools, restore_script
from app.features.backups.databases.snapshots import DatabaseSnapshot, ensure_can_be_held
from app.features.backups.errors import BackupRefused

# The relations of the application's schema that no extension owns.
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
)
ORDER BY c.relname
"""
EXTENSIONS = """
SELECT e.extname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE n.nspname = current_schema()
"""


class PostgresCopier:
    name = "postgresql"

    @contextmanager
    def snapshot(self) -> Iterator[DatabaseSnapshot]:
        with _connection() as connection:
            server = connection.info.server_version // 10_000
            program, version = client_tools.find("pg_dump", least=server)
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            rows = count_rows(connection)
            ensure_can_be_held(rows)
            yield DatabaseSnapshot(
                engine=self.name,
                engine_version=server,
                tool_version=version,
                revisions=_column(
                    connection, "SELECT version_num FROM alembic_version ORDER BY version_num"
                ),
                rows=rows,
                last_file=_column(connection, "SELECT coalesce(max(id), 0) FROM stored_files")[0],
                blocks=_dumped(connection, program),
            )

    def describe(self) -> str:
        url = _url()
        return f"{url.database} on {url.host or 'this machine'}"

    def is_empty(self) -> bool:
        with _connection() as connection:
            return not _column(connection, TABLES)

    def check(self, manifest: BackupManifest) -> None:
        with _connection() as connection:
            server = connection.info.server_version // 10_000
        if server < manifest.engine_version:
            raise BackupRefused(
                f"The backup is of PostgreSQL {manifest.engine_version}, and the server is "
                f"PostgreSQL {server}. Restore it on the same version or a newer one."
            )
        for tool in ("pg_restore", "psql"):
            client_tools.find(tool, least=manifest.tool_version)

    def restore(
        self, manifest: BackupManifest, blocks: Iterable[bytes], reason: str, *, replace: bool
    ) -> None:
        with _connection() as connection:
            server = connection.info.server_version // 10_000
            (schema,) = _column(connection, "SELECT current_schema()")
        psql, _ = client_tools.find("psql", least=manifest.tool_version)
        pg_restore, _ = client_tools.find("pg_restore", least=manifest.tool_version)
        begin = restore_script.beginning(schema, replace=replace)
        end = restore_script.end(schema, manifest.rows, reason)
        options = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
        with _program([psql, *options], stdin=subprocess.PIPE) as run:
            # Without COMMIT, which comes last, the server forgets everything.
            run.write(begin.encode())
            for block in _as_script(pg_restore, blocks, server):
                run.write(block)
            run.write(end.encode())


def count_rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the number of rows of each table."""
    count = sql.SQL("SELECT count(*) FROM {}")
    return {
        name: _column(connection, count.format(sql.Identifier(name)))[0]
        for name in _column(connection, TABLES)
    }


def _url() -> Any:
    """Return the URL of the database, past a pooler, because a snapshot belongs to a session."""
    direct = current_app.config["DATABASE_DIRECT_URL"]
    return make_url(direct) if direct else db.engine.url


def _arguments() -> dict[str, Any]:
    """Return what libpq needs to connect, by its own names."""
    _, arguments = db.engine.dialect.create_connect_args(_url())
    return {name: str(value) for name, value in arguments.items() if name != "context"}


@contextmanager
def _connection() -> Iterator[psycopg.Connection[Any]]:
    try:
        with psycopg.connect(**{"connect_timeout": "5", **_arguments()}, autocommit=True) as found:
            yield found
    except psycopg.Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise BackupRefused(f"PostgreSQL refuses: {reason}") from error


def _column(connection: psycopg.Connection[Any], query: Any) -> list[Any]:
    return [row[0] for row in connection.execute(query).fetchall()]


def _dumped(connection: psycopg.Connection[Any], program: str) -> Iterator[bytes]:
    """Yield what pg_dump writes of the snapshot of an open transaction."""
    (snapshot,) = _column(connection, "SELECT pg_export_snapshot()")
    (schema,) = _column(connection, "SELECT current_schema()")
    extensions = [f'--extension="{name}"' for name in _column(connection, EXTENSIONS)]
    command = [
        *(program, "--format=custom", "--no-owner", "--no-privileges", "--no-password"),
        *(f"--snapshot={snapshot}", f'--schema="{schema}"', *extensions),
    ]
    with _program(command, stdout=subprocess.PIPE) as output:
        while block := output.read(pipes.BLOCK):
            yield block


def _as_script(program: str, blocks: Iterable[bytes], server: int) -> Iterator[bytes]:
    """Yield the SQL script that pg_restore makes of a dump."""
    command = [program, "--no-owner", "--no-privileges", "--no-comments", "--file=-"]
    with TemporaryFile() as errors:
        with subprocess.Popen(  # noqa: S603 - the program was found by its name
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            assert process.stdin is not None  # noqa: S101
            assert process.stdout is not None  # noqa: S101
            failures: list[BaseException] = []
            feeder = Thread(target=_feed, args=(process.stdin, blocks, failures), daemon=True)
            feeder.start()
            try:
                is_first = True
                while block := process.stdout.read(pipes.BLOCK):
                    yield restore_script.for_server(block, server) if is_first else block
                    is_first = False
            except BaseException:
                process.kill()
                raise
            finally:
                feeder.join()
        if failures:
            raise failures[0]
        if process.returncode:
            raise BackupRefused(f"pg_restore fails: {_last_line(errors)}")


def _feed(sink: IO[bytes], blocks: Iterable[bytes], failures: list[BaseException]) -> None:
    try:
        with sink:
            for block in blocks:
                sink.write(block)
    except BrokenPipeError:
        pass  # The program has ended, and says why.
    except BaseException as error:
        failures.append(error)


@contextmanager
def _program(command: list[str], **streams: int) -> Iterator[IO[bytes]]:
    """Run a program of PostgreSQL, and yield the stream that is a pipe.

    The password is in the environment, where only this user reads it. Raises BackupRefused if
    the program fails.
    """
    with TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - the program was found by its name
            command,
            env=client_tools.environment(_arguments()),
            stdin=streams.get("stdin", subprocess.DEVNULL),
            stdout=streams.get("stdout", subprocess.DEVNULL),
            stderr=errors,
        )
        stream: IO[bytes] | None = process.stdin or process.stdout
        assert stream is not None  # noqa: S101
        try:
            yield stream
            stream.close()
        except BrokenPipeError:
            pass  # The program has ended, and says why.
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                stream.close()
            process.wait()
        if process.returncode:
            raise BackupRefused(f"{command[0]} fails: {_last_line(errors)}")


def _last_line(errors: IO[bytes]) -> str:
    """Return the first error that a program has told, or its last line."""
    errors.seek(0)
    lines = errors.read(64 * 1024).decode(errors="replace").strip().splitlines()
    first = next((line for line in lines if "ERROR:" in line or "error:" in line), "")
    return first or (lines[-1] if lines else "it says nothing.")
