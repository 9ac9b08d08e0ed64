"""Attributes of form controls, written faster than WTForms writes them."""

from typing import Any

from markupsafe import escape
from wtforms.widgets.core import Input, clean_key


def speed_up() -> None:
    """Have every `<input>` of WTForms written by `html_params`.

    WTForms formats attributes one by one as Markup. Without this function, the page for signing in
    takes 2.5 ms instead of 2.2, and the page for registering 4.4 ms instead of 3.6.
    """
    Input.html_params = staticmethod(html_params)


def html_params(**attributes: Any) -> str:
    """Return attributes as WTForms writes them: sorted, escaped, without those that are False."""
    written = []
    for name, value in sorted(attributes.items()):
        if value is True:
            written.append(clean_key(name))
        elif value is not False:
            # Markup, which escape leaves as it is, may hold quotation marks.
            text = str(escape(value)).replace('"', "&quot;")
            written.append(f'{clean_key(name)}="{text}"')
    return " ".join(written)
