"""Checks of what the app stands on: for /readyz, the dashboard and `manage.py doctor`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.features.health.services import database, deployment, mail, probing, workers
from app.features.health.services.check import Check

# Seconds after which something that hangs counts as away.
GLANCE = 1.0  # on a page for people
PATIENCE = 2.5  # for a monitor
LONG_PATIENCE = 8.0  # for whoever looks for what is wrong

logger = logging.getLogger(__name__)

# What the database is asked, each question under the name of its check.
QUESTIONS: dict[str, Callable[[], Check]] = {
    "database": database.answers,
    "migrations": database.is_migrated,
    "mail": mail.goes_out,
    "administrator": database.has_administrator,
    "known password": database.has_no_known_password,
}
# Without these the others cannot be asked.
FIRST_QUESTIONS = {"database", "migrations"}


def init_app(app: Flask) -> None:
    """Warn at start of settings that are not fit for the public, so that nobody forgets them."""
    if app.config["PRODUCTION"]:
        for rule in deployment.broken_rules(app.config):
            app.logger.warning("%s: %s %s", rule.name, rule.problem, rule.hint)


def readiness() -> list[Check]:
    """Check what pages need, and how mail fares, within PATIENCE seconds."""
    names = ("database", "migrations", "mail")
    asked = probing.begin("readiness", lambda: _ask(names))
    ping = workers.begin_to_ping()
    return [*_answers(asked, names, PATIENCE), workers.redis_answers(ping, PATIENCE)]


def is_ready(checks: Iterable[Check]) -> bool:
    """Tell whether pages can be served: mail that waits is no reason to turn visitors away."""
    return all(check.ok for check in checks if check.name != "mail")


def system() -> list[Check]:
    """Check what an administrator should know of, without keeping a page waiting for Redis.

    The database is asked in the transaction at hand: the page has come this far by it.
    """
    look = workers.begin_to_look()
    answers, is_migrated, mail_goes_out = _ask(("database", "migrations", "mail"))
    redis, worker = workers.judge(look, GLANCE)
    return [Check("web", "Running"), worker, redis, answers, mail_goes_out, is_migrated]


def checks(*, deploy: bool = False) -> list[Check]:
    """Check everything; with `deploy`, also whether the settings are fit for the public."""
    names = ["database", "migrations", "mail", "administrator"]
    if deploy:
        names.append("known password")
    look = workers.begin_to_look()
    asked = probing.begin("everything", lambda: _ask(names))
    answers, is_migrated, *others = _answers(asked, names, LONG_PATIENCE)
    found = [answers, is_migrated, *workers.judge(look, LONG_PATIENCE), *others]
    return [*found, *_deployment()] if deploy else found


def _ask(names: Iterable[str]) -> list[Check]:
    """Make the checks of these names in turn; without the first ones the rest is not asked."""
    found: list[Check] = []
    missing = ""
    for name in names:
        if missing:
            found.append(Check(name, waits_for=missing))
            continue
        try:
            check = QUESTIONS[name]()
        except SQLAlchemyError as error:
            db.session.rollback()
            logger.warning("%s check failed: %s", name, str(error).splitlines()[0])
            check = database.refusal(name, error)
        if not check.ok and name in FIRST_QUESTIONS:
            missing = name
        found.append(check)
    return found


def _answers(
    asked: probing.Look[list[Check]], names: Iterable[str], patience: float
) -> list[Check]:
    try:
        return asked.answer(patience)
    except probing.TookTooLong:
        first, *others = names
        logger.warning("%s check failed: no answer in %s s", first, patience)
        away = database.away(first)
        return [away, *(Check(name, waits_for=first) for name in others)]


def _deployment() -> list[Check]:
    broken = set(deployment.broken_rules(current_app.config))
    return [
        Check(rule.name, problem=rule.problem, hint=rule.hint)
        if rule in broken
        else Check(rule.name, "Holds")
        for rule in deployment.RULES
    ]
