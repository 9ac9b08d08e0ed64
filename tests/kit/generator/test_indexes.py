"""The generator writes the indexes that keep a list of a million rows fast."""

from app.kit.generator import plan, writing

FIELDS = ("name:str", "owner:user", "budget:money", "due_on:date?", "link:url", "notes:text")


def test_sortable_columns_have_an_index_and_long_texts_are_not_sortable(app):
    asked = plan.make("orders", FIELDS, admin=True, account=False)
    files = writing.files(asked)

    assert asked.sorted_columns == ("name", "budget", "due_on", "created_at")
    for name in asked.sorted_columns:
        assert f'Index(None, "{name}", "id")' in files["models.py"]
        assert f'"{name}", ' in files["migrations/orders_0001_create_orders.py"].split("SORTED")[1]
    for label in ("Link", "Notes"):
        assert f'"{label}", hidden=True, sort=[])' in files["tables.py"]


def test_a_search_has_its_index(app):
    revision = writing.files(plan.make("orders", FIELDS, admin=True, account=False))[
        "migrations/orders_0001_create_orders.py"
    ]

    assert 'create_search_index("orders", ["name", "link", "notes", ], is_new=True)' in revision
    assert 'drop_search_index("orders")' in revision
