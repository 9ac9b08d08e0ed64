"""Plan a feature: all names that its templates use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapper

from app.extensions import Base
from app.kit.database import migrations
from app.kit.generator import fields, ledger, naming
from app.kit.generator.fields import Field, Target
from app.kit.generator.refusal import Refused

UNSORTED = {"text", "url"}
LABELS = ("name", "title", "label", "subject", "email")
# Values of a choice that end a row's life: nobody is reminded of such a row.
FINISHED = {
    *("done", "finished", "closed", "completed", "cancelled", "archived", "paid"),
    *("shipped", "delivered", "returned", "refunded", "rejected", "expired"),
}


@dataclass(frozen=True)
class FeaturePlan:
    """Everything that the templates of a feature need to know."""

    name: str
    singular: str
    fields: tuple[Field, ...]
    admin: bool
    account: bool
    icon: str
    bit: int
    core_revision: str
    api: bool = False

    @property
    def model(self) -> str:
        return naming.class_name(self.singular)

    @property
    def title(self) -> str:
        return naming.label(self.name)

    @property
    def one(self) -> str:
        return naming.words(self.singular)

    @property
    def many(self) -> str:
        return naming.words(self.name)

    @property
    def permission(self) -> str:
        return f"MANAGE_{self.name.upper()}"

    @property
    def sentence(self) -> str:
        """The words of the permission on the page of a role."""
        return f"Find, add, change, export and delete {self.many}."

    @property
    def main(self) -> Field:
        """The field that tells rows apart: the first required one of type str."""
        return next(field for field in self.fields if field.kind == "str" and not field.optional)

    @property
    def owner(self) -> Field | None:
        """The first field of type user."""
        return next((field for field in self.fields if field.kind == "user"), None)

    @property
    def due(self) -> Field | None:
        """The date of which the owner is reminded: the first one."""
        if self.owner is None:
            return None
        return next((field for field in self.fields if field.kind in {"date", "datetime"}), None)

    @property
    def status(self) -> Field | None:
        return next((field for field in self.fields if field.kind == "choice"), None)

    @property
    def finished(self) -> tuple[str, ...]:
        """The values of the status with which no row is due any more."""
        return tuple(one for one in (self.status.options if self.status else ()) if one in FINISHED)

    @property
    def files(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind == "file")

    @property
    def values(self) -> tuple[Field, ...]:
        """The fields that forms, imports and programs fill in."""
        return tuple(field for field in self.fields if field.kind != "file")

    def kind_of(self, file: Field) -> str:
        """Return the kind of the files of a field, in app/kit/storage."""
        return f"{self.singular}_{file.name}"

    @property
    def most_megabytes(self) -> str:
        """The setting with the limit of its files."""
        return f"{self.name.upper()}_MAX_MEGABYTES"

    @property
    def own_fields(self) -> tuple[Field, ...]:
        """The fields that members fill in: one for a user would tell them who has an account."""
        return tuple(field for field in self.fields if field.kind not in {"user", "file"})

    @property
    def users(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind == "user")

    @property
    def relations(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind == "relation")

    def shares_target(self, relation: Field) -> bool:
        """Return whether another field leads to the same table."""
        return [field.target for field in self.fields if field.is_relation].count(
            relation.target
        ) > 1

    @property
    def searched(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.is_text)

    @property
    def sorted_columns(self) -> tuple[str, ...]:
        """The columns by which lists sort. A long text would not fit into an index."""
        own = (
            field for field in self.fields if not field.is_relation and field.kind not in UNSORTED
        )
        return (*(one.column for one in own), "created_at")

    @property
    def requires(self) -> tuple[str, ...]:
        """The features whose tables the relations lead to."""
        found = {relation.target.feature for relation in self.relations if relation.target}
        return tuple(sorted(found - {""}))

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The revisions that make the tables of the relations."""
        # These depend on the core themselves.
        found = {relation.target.revision for relation in self.relations if relation.target} - {""}
        return tuple(sorted(found)) or (self.core_revision,)


def make(
    name: str,
    texts: Sequence[str],
    *,
    admin: bool,
    account: bool,
    api: bool = False,
    singular: str = "",
    icon: str = "folder",
) -> FeaturePlan:
    """Return the plan of a feature. Raises Refused, with what to do, about names and fields."""
    one = naming.singular_of(name, singular)
    scripts = _scripts()
    parsed = tuple(fields.parsed(texts, targets(scripts)))
    bit = ledger.free_bit()
    revision = scripts.get_revision("core@head").revision
    return FeaturePlan(name, one, parsed, admin, account, icon, bit, revision, api)


def targets(scripts: ScriptDirectory) -> dict[str, Target]:
    """Return the tables for relations, by name. The kit's own tables are left out."""
    found = {}
    for mapper in Base.registry.mappers:
        module = mapper.class_.__module__
        label = _label(mapper)
        if module.startswith("app.kit") or not label:
            continue
        parts = module.split(".")
        feature = parts[2] if parts[1] == "features" else ""
        table = str(mapper.local_table.description)
        revision = scripts.get_revision(f"{feature}@head").revision if feature else ""
        face = f"app.features.{feature}" if feature else "app.models"
        if not hasattr(import_module(face), mapper.class_.__name__):
            continue  # A feature imports what the face of another one has.
        found[table] = Target(table, mapper.class_.__name__, face, label, feature, revision)
    found.pop("users", None)  # has a type of its own
    return found


def _label(mapper: Mapper[object]) -> str:
    """Return the column that tells rows of a model apart, or "" if a relation cannot lead there."""
    columns = {column.key: column.type for column in mapper.columns}
    if [key.key for key in mapper.primary_key] != ["id"] or not isinstance(columns["id"], Integer):
        return ""
    texts = [key for key, kind in columns.items() if isinstance(kind, String)]
    return next((label for label in LABELS if label in texts), "")


def _scripts() -> ScriptDirectory:
    try:
        return migrations.scripts(Path(current_app.extensions["migrate"].directory))
    except CommandError as error:
        raise Refused(str(error)) from None
