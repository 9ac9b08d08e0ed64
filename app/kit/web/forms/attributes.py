"""Render the attributes of form controls faster than WTForms does."""

from typing import Any

from markupsafe import escape
from wtforms.widgets.core import Input, clean_key


def speed_up() -> None:
    """Make WTForms render the attributes of every `<input>` with `html_params`.

    WTForms formats attributes one by one as Markup. Without this function, the sign-in page takes
    2.5 ms instead of 2.2, and the registration page 4.4 ms instead of 3.6.
    """
    Input.html_params = staticmethod(html_params)


def html_params(**attributes: Any) -> str:
    """Render attributes as WTForms does: sorted, escaped, and without False values."""
    written = []
    for name, value in sorted(attributes.items()):
        if value is True:
            written.append(clean_key(name))
        elif value is not False:
            # escape() leaves Markup unchanged, and Markup may contain quotation marks.
            text = str(escape(value)).replace('"', "&quot;")
            written.append(f'{clean_key(name)}="{text}"')
    return " ".join(written)
