"""Check the services that the app depends on, for /readyz, the dashboard and `doctor`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import cast

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.features.health.services import (
    database,
    deployment,
    files,
    lists,
    mail,
    probing,
    workers,
)
from app.features.health.services.check import Check
from app.kit.doctor import doctor_checks

# Timeouts in seconds. A service that does not answer in time counts as away.
GLANCE = 1.0  # for the dashboard
PATIENCE = 2.5  # for a monitor
LONG_PATIENCE = 8.0  # for the `doctor` command

logger = logging.getLogger(__name__)

# The checks of the database and of the place for files, by name.
QUESTIONS: dict[str, Callable[[], Check]] = {
    "database": database.answers,
    "migrations": database.is_migrated,
    "encoding": database.stores_every_character,
    "mail": mail.goes_out,
    "returned mail": mail.comes_back,
    "administrator": database.has_administrator,
    "lists": lists.have_indexes,
    "files": files.can_be_stored,
    "known password": database.has_no_known_password,
}
# The other checks are skipped if one of these fails.
FIRST_QUESTIONS = {"database", "migrations"}


def init_app(app: Flask) -> None:
    """Log a warning at startup for each setting that is unsafe in production."""
    if app.config["PRODUCTION"]:
        for rule in deployment.broken_rules(app.config):
            app.logger.warning("%s: %s %s", rule.name, rule.problem, rule.hint)


def readiness() -> list[Check]:
    """Check the database, migrations, mail and Redis within PATIENCE seconds, for /readyz."""
    asked = probing.begin("readiness", Questions(("database", "migrations", "mail")))
    ping = workers.begin_ping()
    return [*_answers(asked, PATIENCE), workers.redis_answers(ping, PATIENCE)]


def is_ready(checks: Iterable[Check]) -> bool:
    """Tell whether the app can serve pages. A failed mail check does not count."""
    return all(check.ok for check in checks if check.name != "mail")


def system() -> list[Check]:
    """Run the checks of the dashboard, waiting GLANCE seconds for Redis at most.

    The checks of the database use the transaction of the request, because it already works.
    """
    signs = workers.begin_signs()
    asked = Questions(("database", "migrations", "mail", "returned mail"))
    answers, is_migrated, *of_mail = asked()
    redis, worker, tasks = workers.judge(signs, GLANCE)
    return [Check("web", "Running"), worker, tasks, redis, answers, *of_mail, is_migrated]


def checks(*, deploy: bool = False) -> list[Check]:
    """Run all checks; with `deploy`, also check that the settings are safe in production."""
    names = ["database", "migrations", "encoding", "mail", "returned mail"]
    names += ["administrator", "lists", "files", *doctor_checks()]
    if deploy:
        names.append("known password")
    signs = workers.begin_signs()
    asked = probing.begin("everything", Questions(names))
    answers, is_migrated, *others = _answers(asked, LONG_PATIENCE)
    found = [answers, is_migrated, *workers.judge(signs, LONG_PATIENCE), *others]
    return [*found, *_deployment()] if deploy else found


class Questions:
    """Checks that are run in order. If one of FIRST_QUESTIONS fails, the rest is skipped."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self.answers: list[Check] = []

    def __call__(self) -> list[Check]:
        missing = ""
        for name in self.names:
            check = Check(name, waits_for=missing) if missing else _ask(name)
            if name in FIRST_QUESTIONS and not check.ok:
                missing = missing or name
            self.answers.append(check)
        return self.answers


def _ask(name: str) -> Check:
    """Run a check. An error in it is its result, and the others run all the same."""
    try:
        return QUESTIONS[name]() if name in QUESTIONS else _examine(name)
    except SQLAlchemyError as error:
        db.session.rollback()
        logger.warning("%s check failed: %s", name, str(error).splitlines()[0])
        return database.refusal(name, error)
    except Exception as error:
        logger.exception("%s check failed", name)
        problem = f"The check cannot be run ({type(error).__name__})."
        return Check(name, problem=problem, hint="The log has the traceback.")


def _examine(name: str) -> Check:
    """Run the check of a feature (app.kit.doctor)."""
    finding = doctor_checks()[name]()
    if finding is None:
        return Check(name, "OK")
    return Check(name, problem=finding.problem, hint=finding.hint)


def _answers(asked: probing.Probe[list[Check]], patience: float) -> list[Check]:
    """Return the results. A check that does not end in time fails, and the later ones wait."""
    try:
        return asked.answer(patience)
    except probing.TookTooLong:
        questions = cast(Questions, asked.act)
        answers = questions.answers.copy()
        silent, *others = questions.names[len(answers) :] or questions.names[-1:]
        logger.warning("%s check failed: no answer in %s s", silent, patience)
        if silent in QUESTIONS:
            failed = database.away(silent)
        else:
            problem = f"The check has no result after {patience:.0f} seconds."
            failed = Check(silent, problem=problem, hint="See what it waits for, such as a server.")
        return [*answers, failed, *(Check(name, waits_for=silent) for name in others)]


def _deployment() -> list[Check]:
    broken = set(deployment.broken_rules(current_app.config))
    return [
        Check(rule.name, problem=rule.problem, hint=rule.hint)
        if rule in broken
        else Check(rule.name, "OK")
        for rule in deployment.RULES
    ]
