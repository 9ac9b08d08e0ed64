"""Check the names of a feature and of its fields, and derive other names from them."""

import builtins
import keyword
import re

from app.kit.generator.refusal import Refused

NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
LONGEST = 30  # PostgreSQL cuts names at 63 characters, and an index has three of these

# Modules of a feature, and names that the generated code uses.
OF_FEATURES = {
    *("models", "services", "forms", "tables", "emails", "tasks", "slots", "commands", "main"),
    *("admin", "account", "api", "templates", "migrations", "tests", "fake_data", "values"),
    *("audit", "outbox", "queue", "views", "changes", "dates", "moments", "args", "apps"),
}
# Attributes of models, forms and enums.
OF_FIELDS = {
    *("id", "created_at", "reminded_at", "metadata", "registry", "query", "query_class"),
    *("data", "errors", "form_errors", "meta", "process", "populate_obj", "validate", "values"),
    *("validate_on_submit", "is_submitted", "hidden_tag", "submit", "seen", "csrf_token", "by"),
    *(
        "uploads",
        "self",
        "form",
        "now",
        "db",
        "today",
        "date",
        "datetime",
        "int",
        "str",
        "bool",
        "owner_id",
    ),
}

# The ending of a plural, and that of its singular. The first that fits is taken.
ENDINGS = (
    *(("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("zzes", "zz")),
    *(
        ("tuses", "tus"),
        ("ruses", "rus"),
        ("nuses", "nus"),
        ("buses", "bus"),
        ("ss", ""),
        ("s", ""),
    ),
)


def check_name(name: str, thing: str) -> None:
    """Raise Refused unless `name` can name a table and a Python module or attribute."""
    if not NAME.fullmatch(name):
        raise Refused(
            f"“{name}” cannot name {thing}. Use lower-case letters, digits and single underscores, "
            "and begin with a letter, as in new_orders."
        )
    if len(name) > LONGEST:
        raise Refused(f"“{name}” is too long to name {thing}: use at most {LONGEST} characters.")
    if keyword.iskeyword(name):
        raise Refused(f"“{name}” is a keyword of Python, so it cannot name {thing}.")


def singular_of(name: str, given: str) -> str:
    """Return the singular of a feature's name, or `given`. Raises Refused."""
    check_name(name, "a feature")
    singular = given or _guessed(name)
    check_name(singular, "one row of a feature")
    if singular == name:
        raise Refused(
            f"“{name}” is the same for one and for many, and code needs a name for each. Write "
            f"another plural, such as {name}_records."
        )
    for word in (name, singular):
        if word in OF_FEATURES or hasattr(builtins, word):
            raise Refused(f"“{word}” has a meaning in the code already. Choose another name.")
    return singular


def _guessed(name: str) -> str:
    for ending, one in ENDINGS:
        if name.endswith(ending) and len(name) > len(ending):
            if ending == "ss":
                break
            return name.removesuffix(ending) + one
    raise Refused(
        f"“{name}” does not look like a plural. Write one, such as {name}s or {name}_records, or "
        "add --singular with the word for one row."
    )


def check_field(name: str) -> None:
    """Raise Refused unless `name` can name a field."""
    check_name(name, "a field")
    if name in OF_FIELDS or name.endswith("_id"):
        raise Refused(
            f"“{name}” is reserved, so it cannot name a field."
            + (" A relation gets its column by itself." if name.endswith("_id") else "")
        )


def class_name(name: str) -> str:
    """Return new_order as NewOrder."""
    return "".join(part.capitalize() for part in name.split("_"))


def words(name: str) -> str:
    """Return new_order as “new order”."""
    return name.replace("_", " ")


def label(name: str) -> str:
    """Return due_on as “Due on”."""
    return words(name).capitalize()


def a(noun: str) -> str:
    """Return a noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
