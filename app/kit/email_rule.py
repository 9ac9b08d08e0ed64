"""Judge the email address that a visitor or user wants to have, by the checks of features."""

from collections.abc import Callable

FindProblem = Callable[[str], str]
_checks: list[FindProblem] = []


def new_email_check(find_problem: FindProblem) -> FindProblem:
    """Call the decorated function with each email that somebody registers or changes to.

    It gets the email in its stored form, and returns the problem, or "". It runs while a form is
    validated, so it has to be quick. Administrators may give a user any email.
    """
    _checks.append(find_problem)
    return find_problem


def problem_of(email: str) -> str:
    """Return the first problem of an email in words, or ""."""
    return next(filter(None, (check(email) for check in _checks)), "")
