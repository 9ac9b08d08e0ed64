"""Start the app without some features, and open all remaining pages.

Run it as a process of its own, because a process loads features once. Pass a JSON list of lists
of features: `python -m tests.without_features`. Each list is tried in a fork, which imports the app
itself. The first fork notes the libraries that it used, and the process imports them once for the
others. The process prints the problems, one a line.

The file `tests/words.txt` of a feature has patterns, one a line, of words that speak of it. Without
the feature, they are on no page and in no mail.
"""

import gc
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Libraries only: each fork imports the app by itself.
import flask_migrate
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import TemplateError
from werkzeug.routing import Rule

from tests import libraries

FORM = {"email": "admin@example.com", "password": "correct horse battery staple"}
ANSWERS = {200, 302, 303, 403, 404}
ROOT = Path(__file__).parents[1]
FEATURES = ROOT / "app" / "features"
TAG = re.compile(r"<(script|style|head|option|pre)\b.*?</\1>|<[^>]*>", re.DOTALL)


def problems(off: list[str], folder: Path) -> Iterator[str]:
    """Yield the errors without the features `off`, whose modules cannot be imported."""
    os.environ |= {
        "FLASK_CONFIG": "testing",
        "FEATURES_OFF": ",".join(off),
        "TEST_DATABASE_URL": f"sqlite:///{folder / 'database.sqlite'}",
        "INSTANCE_PATH": str(folder),
    }
    for name in off:
        sys.modules[f"app.features.{name}"] = None  # type: ignore[assignment]
    try:
        # Only now, with those settings.
        from app import create_app
        from app.kit import passwords
        from app.kit.compiled_templates import CompiledTemplates

        # The default costs a fifth of a run.
        passwords.hasher = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)
        app = create_app("testing", {"WTF_CSRF_ENABLED": False, "PROPAGATE_EXCEPTIONS": False})
    except Exception as error:
        yield f"the application does not start: {error!r}"
        return
    app.jinja_env.bytecode_cache = CompiledTemplates(folder.parent, may_write=True)
    yield from _templates(app)
    with app.app_context():
        ids = _prepare(app)
    yield from _pages(app, ids, _leftovers(off))


def _leftovers(off: list[str]) -> dict[str, re.Pattern[str]]:
    """Return a pattern of the words of each feature in `off` that has some."""
    files = {name: FEATURES / name / "tests" / "words.txt" for name in off}
    return {
        name: re.compile("|".join(file.read_text().splitlines()), re.IGNORECASE)
        for name, file in files.items()
        if file.exists()
    }


def _templates(app: Flask) -> Iterator[str]:
    for name in app.jinja_env.list_templates():
        try:
            app.jinja_env.get_template(name)
        except TemplateError as error:
            yield f"the template {name} does not compile: {error}"


def _prepare(app: Flask) -> list[str]:
    """Create the tables of the enabled features, and return the ids of three users."""
    # Modules of the app, which must not be imported earlier.
    from app.extensions import db, limiter
    from app.kit import features
    from app.kit.database import now
    from app.models import User
    from app.services import roles, users

    branches = [folder.name for folder in features.folders() if (folder / "migrations").is_dir()]
    # Alembic takes several targets, which cost one reading of all revisions.
    flask_migrate.upgrade(revision=tuple(f"{branch}@head" for branch in ("core", *branches)))
    roles.insert()
    admin, _ = users.create_administrator(email=FORM["email"], password=FORM["password"])
    user = User(first_name="Ada", last_name="Lovelace", email="ada@example.com", confirmed=True)
    gone = User(first_name="Bob", last_name="Babbage", email="bob@example.com", deleted_at=now())
    db.session.add_all([user, gone])
    db.session.commit()
    limiter.enabled = False
    return [str(one.id) for one in (admin, user, gone)]


def _pages(app: Flask, ids: list[str], leftovers: dict[str, re.Pattern[str]]) -> Iterator[str]:
    visitor, browser = app.test_client(), app.test_client()
    signed_in = browser.post("/account/login", data=FORM)
    if signed_in.status_code != 302:
        yield f"signing in answers {signed_in.status_code}"
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        for number, url in enumerate(_urls(app, rule, ids)):
            yield from _page(app, browser, rule, url, leftovers)
            # A visitor is told the same about each user, and the administrator reads each mail.
            if number == 0 and not url.startswith("/account/logout"):
                yield from _page(app, visitor, rule, url, leftovers)


def _urls(app: Flask, rule: Rule, ids: list[str]) -> Iterator[str]:
    from app.kit.mail.registry import MESSAGES

    texts = [*MESSAGES] if rule.endpoint.startswith("dev.") else ["none"]
    for number in ids if "user_id" in rule.arguments else ids[:1]:
        for text in texts if "name" in rule.arguments else texts[:1]:
            values = {
                name: number if type(rule._converters[name]).__name__ == "IdConverter" else text
                for name in rule.arguments
            }
            with app.test_request_context():
                url = app.url_for(rule.endpoint, _external=False, **values)
            yield url  # outside of the context, whose `g` the next request would use


def _page(
    app: Flask, browser: FlaskClient, rule: Rule, url: str, leftovers: dict[str, re.Pattern[str]]
) -> Iterator[str]:
    answer = browser.get(url, buffered=True)  # A stream keeps its contexts open.
    is_for_monitors = getattr(app.view_functions[rule.endpoint], "for_monitors", False)
    answers = ANSWERS | {401} if url.startswith("/api/") else ANSWERS
    if answer.status_code not in answers and not (is_for_monitors and answer.status_code == 503):
        yield f"{url} answers {answer.status_code}"
    if answer.mimetype != "text/html":
        return
    text = " ".join(TAG.sub(" ", answer.text).split())
    for name, pattern in leftovers.items():
        if found := pattern.search(text):
            around = text[max(0, found.start() - 60) : found.end() + 60]
            yield f"{url} speaks of {name}, which is not there: …{around}…"


def _try(off: list[str], folder: Path) -> None:
    folder.mkdir()
    for problem in problems(off, folder):
        sys.stdout.write(f"Without {', '.join(off)}: {problem}\n")
    sys.stdout.flush()


def main(cases: list[list[str]], shared: Path) -> None:
    gc.disable()  # Each fork lives for seconds.
    names = shared / "libraries.json"
    for number, off in enumerate(cases):
        if (child := os.fork()) == 0:
            status = 1
            try:
                _try(off, shared / str(number))
                if number == 0:
                    names.write_text(json.dumps(libraries.imported()))
                status = 0
            finally:
                os._exit(status)
        if os.waitpid(child, 0)[1]:
            sys.stdout.write(f"Without {', '.join(off)}: the process ended with an error\n")
            sys.stdout.flush()
        if number == 0 and names.exists():
            libraries.load(json.loads(names.read_text()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(json.loads(sys.argv[1]), Path(temporary))
