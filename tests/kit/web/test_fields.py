"""The form fields of usual columns read what users type, and say what is wrong."""

from datetime import UTC, date, datetime
from enum import StrEnum

import pytest

from app.kit.web.forms import BaseForm, fields
from app.services import user_lookup


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark_blue"


class EveryField(BaseForm):
    line = fields.text_field("Line")
    text = fields.long_text_field("Text", required=False)
    site = fields.url_field("Site", required=False)
    email = fields.email_field("Email", required=False)
    number = fields.number_field("Number", required=False)
    price = fields.money_field("Price", currency="EUR", required=False)
    day = fields.date_field("Day", required=False)
    moment = fields.moment_field("Moment", required=False)
    colour = fields.choice_field("Colour", Colour)
    other = fields.choice_field("Other", Colour, required=False)
    row = fields.row_field("Row", lambda: [(7, "Seven")], required=False)
    user = fields.LookupField(
        "User",
        find=user_lookup.by_email,
        text_of="email",
        unknown="There is no user with this email.",
        required=False,
    )


def sent(app, **values):
    with app.test_request_context(method="POST", data={"line": "x", "colour": "red"} | values):
        form = EveryField(meta={"csrf": False})
        form.validate()
        return form


@pytest.mark.parametrize(
    ("name", "typed", "data"),
    [
        ("line", " Apollo ", "Apollo"),
        ("text", "", ""),
        ("site", "https://example.com/a?b#c", "https://example.com/a?b#c"),
        ("site", "", ""),
        ("email", "Ada@Example.com", "ada@example.com"),
        ("email", "", ""),
        ("number", "-7", -7),
        ("number", "", None),
        ("price", "12.50", 1250),
        ("price", "", None),
        ("day", "2031-03-09", date(2031, 3, 9)),
        ("moment", "2031-03-09T14:05", datetime(2031, 3, 9, 14, 5, tzinfo=UTC)),
        ("colour", "dark_blue", Colour.DARK_BLUE),
        ("other", "", None),
        ("row", "7", 7),
        ("row", "", None),
    ],
)
def test_a_value_is_read(app, name, typed, data):
    form = sent(app, **{name: typed})
    assert form.errors == {}
    assert form[name].data == data


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("line", "   ", "Fill in “Line”."),
        ("line", "x" * 201, "Use at most 200 characters."),
        ("site", "javascript:alert(1)", "Enter a URL like https://example.com/page."),
        ("site", "https://a b", "Enter a URL like https://example.com/page."),
        ("email", "nobody", "Enter an address like name@example.com."),
        ("number", "9" * 5000, "Enter a whole number."),
        ("number", str(2**31), "Enter a smaller number."),
        ("price", "1e3", "Enter an amount like 1234.50."),
        ("price", "9999999999999.99", "Enter an amount like 1234.50."),
        ("day", "9 March", "Enter a date like 2026-01-31."),
        ("moment", "now", "Enter a date and a time like 2026-01-31 14:05."),
        ("colour", "green", "Choose one of the list."),
        ("other", "green", "Choose one of the list."),
        ("row", "8", "Choose one of the list."),
        ("row", "x", "Choose one of the list."),
        ("user", "nobody@example.com", "There is no user with this email."),
    ],
)
def test_a_mistake_has_one_sentence(app, name, typed, said):
    assert sent(app, **{name: typed}).errors == {name: [said]}


def test_a_user_is_found_by_email_unless_deleted(app, make_user):
    user = make_user(email="ada@example.com")
    gone = make_user(email="gone@example.com", deleted_at=datetime.now(UTC))
    form = sent(app, user=" ADA@example.com ")
    assert (form.user.row, form.user.row_id) == (user, user.id)
    assert sent(app, user=gone.email).errors
    assert sent(app, user="").user.row_id is None


def test_the_values_of_a_row_are_shown(app, make_user):
    row = {
        "price": 1250,
        "moment": datetime(2031, 3, 9, 14, 5, tzinfo=UTC),
        "colour": "dark_blue",
        "user": make_user(email="ada@example.com"),
    }
    with app.test_request_context():
        form = EveryField(data=row, meta={"csrf": False})
        shown = "".join(str(field()) for field in form)
    for text in ('value="12.50"', 'value="2031-03-09T14:05"', 'value="ada@example.com"'):
        assert text in shown
    assert '<option selected value="dark_blue">Dark blue</option>' in shown


@pytest.mark.parametrize("typed", ["\0", "ada\0@example.com", "\u202eada@example.com"])
def test_a_row_is_not_looked_up_by_what_no_column_holds(app, typed):
    form = sent(app, user=typed)
    assert form.user.errors
    assert form.user.row is None
