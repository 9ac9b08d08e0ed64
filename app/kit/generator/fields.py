"""Parse the fields of a feature, such as `due_on:date?`, and know what each type is in code."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.kit import money
from app.kit.generator import naming
from app.kit.generator.refusal import Refused

FIELD = re.compile(
    r"(?P<name>[^:]{0,60}):(?P<type>[^()?]{0,60})(?:\((?P<options>[^()]{0,2000})\))?(?P<optional>\??)"
)
CURRENCY = re.compile(r"[A-Z]{3}")
MOST_CHOICES = 30
MOST_FIELDS = 40


@dataclass(frozen=True)
class FieldType:
    """The code of a type of fields, with the names of other fields between << and >>.

    - `python` is its type in Python, `column` and `revision` its type in SQLAlchemy.
    - `form` makes the form field.
    - `sample` is a value in code, and `typed` the same value as users type it.
    - `fake` is an expression for made-up rows; `number` is the number of the row.
    """

    python: str
    column: str
    revision: str
    form: str
    sample: str
    typed: str
    fake: str


KINDS = {
    "str": FieldType(
        "str", "String(200)", "sa.String(200)", "text_field",
        '"Apollo"', "Apollo", 'f"<< label >> {number}"',
    ),
    "text": FieldType(
        "str", "Text", "sa.Text()", "long_text_field",
        '"To the moon"', "To the moon", '"To the moon, and back."',
    ),
    "email": FieldType(
        "str", "String(254)", "sa.String(254)", "email_field",
        '"grace@example.com"', "grace@example.com", 'f"person{number}@example.com"',
    ),
    "url": FieldType(
        "str", "String(2000)", "sa.String(2000)", "url_field",
        '"https://example.com/"', "https://example.com/", 'f"https://example.com/{number}"',
    ),
    "int": FieldType("int", "", "sa.Integer()", "number_field", "7", "7", "random.randrange(100)"),
    "money": FieldType(
        "int", "BigInteger", "sa.BigInteger()", "money_field",
        "1250", "12.50", "random.randrange(1_000_000)",
    ),
    "bool": FieldType(
        "bool", "", "sa.Boolean()", "BooleanField", "True", "y", "random.random() < 0.5",
    ),
    "date": FieldType(
        "date", "", "sa.Date()", "date_field",
        "date(2031, 3, 9)", "2031-03-09", "today + timedelta(days=random.randrange(1, 365))",
    ),
    "datetime": FieldType(
        "datetime", "UtcDateTime", "sa.DateTime(timezone=True)", "moment_field",
        "datetime(2031, 3, 9, 14, 5, tzinfo=UTC)", "2031-03-09T14:05",
        "now() + timedelta(hours=random.randrange(1, 9000))",
    ),
    "choice": FieldType("", "", "", "choice_field", "", "", ""),
    "user": FieldType("int", "", "sa.Integer()", "UserField", "", "", "random.choice(user_ids)"),
    "file": FieldType("int", "", "sa.Integer()", "UploadField", "", "", ""),
    "relation": FieldType("int", "", "sa.Integer()", "row_field", "", "", ""),
}  # fmt: skip
WITH_OPTIONS = {"money": "money (euros) or money(USD)", "choice": "choice(a,b)"}
SMALLEST_UNIT = "int or money, which count the smallest unit"
OTHER_NAMES = {
    **dict.fromkeys(("string", "varchar", "char"), "str"),
    **dict.fromkeys(("integer", "number"), "int"),
    **dict.fromkeys(("decimal", "numeric", "float", "double"), SMALLEST_UNIT),
    "boolean": "bool",
    "timestamp": "datetime",
    "enum": "choice(a,b)",
    "image": "file",
}
TEXTS = {"str", "text", "email", "url"}


@dataclass(frozen=True)
class Target:
    """The table of a relation: its model, and the column that tells its rows apart."""

    table: str
    model: str
    module: str
    label: str
    feature: str = ""
    revision: str = ""


STORED_FILE = Target("stored_files", "StoredFile", "app.kit.storage", "file_name")


@dataclass(frozen=True)
class Field:
    """A field of a feature. `options` are the values of a choice, or the currency of money."""

    name: str
    kind: str
    optional: bool = False
    options: tuple[str, ...] = ()
    target: Target | None = None
    code: FieldType = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", KINDS[self.kind])

    @property
    def label(self) -> str:
        return naming.label(self.name)

    @property
    def is_text(self) -> bool:
        return self.kind in TEXTS

    @property
    def is_relation(self) -> bool:
        return self.kind in {"user", "relation", "file"}

    @property
    def is_nullable(self) -> bool:
        """Whether the column may hold NULL. An optional text is empty instead."""
        return self.optional and not self.is_text

    @property
    def column(self) -> str:
        """The name of its column."""
        return f"{self.name}_id" if self.is_relation else self.name

    @property
    def currency(self) -> str:
        return self.options[0]

    @property
    def typed(self) -> str:
        """The value of the tests, as users type it."""
        if self.kind == "money":
            return money.amount(int(self.code.sample), self.currency, separator="")
        return self.options[0] if self.kind == "choice" else self.code.typed

    @property
    def scale(self) -> int:
        """How many minor units of the currency make one unit."""
        return 10 ** money.digits(self.currency)


def parsed(texts: Sequence[str], targets: Mapping[str, Target]) -> list[Field]:
    """Return the fields that `texts` describe. `targets` are the tables for relations."""
    if not texts:
        raise Refused("A feature needs fields, such as name:str due_on:date.")
    if len(texts) > MOST_FIELDS:
        raise Refused(f"{len(texts)} fields are too many: use at most {MOST_FIELDS}.")
    found = [_field(text, targets) for text in texts]
    names = [name for one in found for name in {one.name, one.column}]
    names += [f"remove_{one.name}" for one in found if one.kind == "file"]  # boxes of the form
    for name in names:
        if names.count(name) > 1:
            raise Refused(f"Two fields are called “{name}”. Rename one of them.")
    return found


def _field(text: str, targets: Mapping[str, Target]) -> Field:
    match = FIELD.fullmatch(text)
    if not match:
        raise Refused(f"“{text}” is no field. Write its name and its type, as in due_on:date.")
    name, kind, options = match["name"], match["type"], match["options"]
    naming.check_field(name)
    target = STORED_FILE if kind == "file" else None
    if kind not in KINDS or kind == "relation":
        if kind not in targets:
            use = f": use {OTHER_NAMES[kind]}" if kind in OTHER_NAMES else ""
            raise Refused(
                f"“{text}”: there is no type “{kind}”{use}. The types are {types()}: "
                f"{', '.join(sorted(targets))}."
            )
        target, kind = targets[kind], "relation"
    if options is not None and kind not in {"choice", "money"}:
        raise Refused(f"“{text}”: {kind} takes nothing in brackets.")
    if kind == "bool" and match["optional"]:
        raise Refused(f"“{text}”: yes or no has no third value. Write {name}:bool, or a choice.")
    values = _options(text, kind, options)
    # Imports and programs add rows without files, so no row needs one.
    is_optional = bool(match["optional"]) or kind == "file"
    return Field(name, kind, is_optional, values, target)


def _options(text: str, kind: str, options: str | None) -> tuple[str, ...]:
    if kind == "money":
        currency = options or "EUR"
        if not CURRENCY.fullmatch(currency):
            raise Refused(f"“{text}”: a currency has three capital letters, as in money(USD).")
        return (currency,)
    if kind != "choice":
        return ()
    values = [one.strip() for one in (options or "").split(",")]
    if len(values) < 2 or len(values) > MOST_CHOICES:
        raise Refused(
            f"“{text}”: a choice has two to {MOST_CHOICES} values, as in choice(draft,active,done)."
        )
    for value in values:
        if not naming.NAME.fullmatch(value) or len(value) > naming.LONGEST:
            raise Refused(
                f"“{text}”: “{value}” is no value of a choice. Use lower-case letters, digits and "
                "underscores."
            )
        if values.count(value) > 1:
            raise Refused(f"“{text}”: “{value}” stands there twice.")
        if keyword.iskeyword(value.upper()) or value == "mro":
            raise Refused(f"“{text}”: “{value}” is reserved, so it is no value of a choice.")
    return tuple(values)


def types() -> str:
    """Return the types of fields, as the command and its refusals list them."""
    shown = [WITH_OPTIONS.get(kind, kind) for kind in KINDS if kind != "relation"]
    return f"{', '.join(shown)}, or the name of a table"
