"""The generator refuses what makes no sense with a sentence, and writes nothing."""

import pytest

from app.extensions import db
from app.kit.features import installed
from app.kit.generator import checking, fields, ledger, plan
from app.kit.generator.refusal import Refused
from settings.reader import BASE_DIR

NAME = ("name:str",)
USUAL = {"admin": True, "account": False}


def refusal(name, fields=NAME, **options):
    """Return the sentence with which a feature is refused."""
    try:
        checking.check(plan.make(name, fields, **USUAL | options))
    except Refused as error:
        return str(error)
    pytest.fail(f"{name} with {fields} is not refused.")


def in_ledger(monkeypatch, tmp_path, *lines):
    """Add lines to a copy of the ledger."""
    copy = tmp_path / "role.py"
    copy.write_text("".join(f"    {line}\n" for line in lines) + ledger.FILE.read_text())
    monkeypatch.setattr(ledger, "FILE", copy)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Orders", "“Orders” cannot name a feature. Use lower-case letters"),
        ("new-orders", "as in new_orders"),
        ("orders/../x", "cannot name a feature"),
        ("", "cannot name a feature"),
        ("o" * 40 + "s", "is too long to name a feature: use at most 30 characters"),
        ("class", "is a keyword of Python"),
        ("sheep", "does not look like a plural. Write one, such as sheeps or sheep_records"),
        ("order", "Write one, such as orders or order_records, or add --singular"),
        ("boss", "does not look like a plural"),
        ("lists", "“list” has a meaning in the code already"),
        ("services", "“services” has a meaning in the code already"),
        ("email_messages", "There is a table email_messages already"),
        ("sessions", "There are events about “session” already"),
        ("imports", "“import” is a keyword of Python"),
        ("columns", "The feature imports another Column"),
    ],
)
def test_names_that_make_no_sense_are_refused(app, name, said):
    assert said in refusal(name)


@pytest.mark.parametrize("name", ["orders", "reports", "clients", "cards", "plans", "messages"])
def test_a_model_may_be_called_as_a_class_that_is_none(app, name):
    if name in installed():
        pytest.skip("This copy has a feature of the name.")
    checking.check(plan.make(name, NAME, **USUAL))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((), "A feature needs fields, such as name:str due_on:date."),
        (("name",), "“name” is no field. Write its name and its type"),
        (("name:",), "there is no type “”"),
        (("name:string",), "there is no type “string”: use str. The types are str, text,"),
        (
            ("name:str", "length:decimal"),
            "there is no type “decimal”: use int or money, which count",
        ),
        (("name:quokkas",), "or the name of a table: "),
        (("name:str", "name:text"), "Two fields are called “name”"),
        (("Name:str",), "cannot name a field"),
        (("class:str",), "is a keyword of Python"),
        (("id:int",), "“id” is reserved"),
        (("owner_id:int",), "A relation gets its column by itself"),
        (("data:str",), "“data” is reserved"),
        (("date:date",), "“date” is reserved"),
        (("quokka:str",), "A field cannot be called “quokka”, as the feature is"),
        (("scan:file(pdf)",), "file takes nothing in brackets"),
        (("name:str", "scan:file", "remove_scan:bool"), "Two fields are called “remove_scan”"),
        (("name:str", f"{'s' * 28}:file"), "is too long for a kind of files"),
        (("name:str(20)",), "str takes nothing in brackets"),
        (("is_open:bool?",), "yes or no has no third value"),
        (("state:choice",), "a choice has two to 30 values"),
        (("state:choice(a)",), "a choice has two to 30 values"),
        (("state:choice(a,a)",), "“a” stands there twice"),
        (("state:choice(a,B c)",), "“B c” is no value of a choice"),
        (("state:choice(a,__class__)",), "is no value of a choice"),
        (("price:money(euro)",), "a currency has three capital letters"),
        (("price:money(EUR,USD)",), "a currency has three capital letters"),
        (("notes:text",), "Rows need a name: add a field of type str"),
        (("name:str?",), "Rows need a name"),
        (tuple(f"field{number}:int" for number in range(41)), "41 fields are too many"),
    ],
)
def test_fields_that_make_no_sense_are_refused(app, fields, said):
    assert said in refusal("quokkas", fields)


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        (NAME, {"admin": False}, "Say who uses it: --admin for administrators"),
        (NAME, {"account": True}, "add a field such as owner:user"),
        ((*NAME, "owner:user?"), {"account": True}, "add a field such as owner:user"),
        (
            (*NAME, "owner:user", "reader:user"),
            {"account": True},
            "reader has to be optional (reader:user?)",
        ),
        (NAME, {"icon": "../x"}, "“../x” is no icon"),
        (NAME, {"singular": "quokkas"}, "is the same for one and for many"),
        (NAME, {"singular": "Order"}, "cannot name one row of a feature"),
        (
            (*NAME, f"{'r' * 30}:roles"),
            {"singular": "order"},
            "has more than 63 characters, which PostgreSQL cuts",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(app, fields, options, said):
    name = "quokkas" if "63" not in said else "new_orders_of_all_our_products"
    assert said in refusal(name, fields, **options)


def test_a_feature_that_is_there_is_refused(app, monkeypatch, tmp_path):
    (tmp_path / "quokkas").mkdir()
    monkeypatch.setattr(checking, "FOLDER", tmp_path)
    assert "There is a feature quokkas already" in refusal("quokkas")


def test_a_table_that_is_left_in_the_database_is_refused(app):
    db.session.execute(db.text("CREATE TABLE left_overs (id INTEGER)"))
    db.session.commit()
    assert "The database has a table left_overs already" in refusal("left_overs")


def test_a_check_leaves_no_transaction_open(app):
    """On SQLite, the rest of `manage.py new` would keep everyone else from writing."""
    db.session.rollback()
    checking.check(plan.make("quokkas", NAME, **USUAL))
    assert not db.session().in_transaction()


def test_a_ledger_without_a_free_bit_is_refused(app, monkeypatch, tmp_path):
    in_ledger(monkeypatch, tmp_path, *(f"BIT_{place} = 2**{place}" for place in range(16, 30)))
    assert "Every bit from 2**16 to 2**29 is taken" in refusal("quokkas")


def test_a_permission_that_is_there_is_refused(app, monkeypatch, tmp_path):
    in_ledger(monkeypatch, tmp_path, "MANAGE_QUOKKAS = 2**16")
    assert "There is a permission MANAGE_QUOKKAS already" in refusal("quokkas")


def test_an_adapter_for_an_api_that_is_not_there_is_refused(app, monkeypatch):
    monkeypatch.setattr(checking, "installed", dict)
    asked = plan.make("quokkas", ["name:str"], admin=True, account=False, api=True)
    with pytest.raises(Refused, match="--api would write nothing that works"):
        checking.check(asked)


def test_the_ledger_without_a_permission_is_as_it_was_before():
    before = ledger.FILE.read_text()
    after = ledger.with_permission(before, "MANAGE_QUOKKAS", 20, "Manage quokkas", "Take orders.")
    assert "    MANAGE_QUOKKAS = 2**20\n" in after
    assert ledger.has_bit_of_a_copy(after, "MANAGE_QUOKKAS")
    assert ledger.without_permission(after, "MANAGE_QUOKKAS") == before


def test_the_bits_of_the_kit_never_change():
    assert not ledger.has_bit_of_a_copy(ledger.FILE.read_text(), "MANAGE_USERS")


def test_help_and_guide_name_the_types_that_refusals_name(app):
    shown = " ".join(app.test_cli_runner().invoke(args=["new", "--help"]).output.split())
    guide = (BASE_DIR / "docs" / "customising.md").read_text()
    table = guide.partition("| type | column |")[2].partition("\n\n")[0]
    assert fields.types() in shown
    for kind in fields.KINDS.keys() - {"relation"}:
        assert f"`{kind}`" in table or f"`{kind}(" in table, kind
