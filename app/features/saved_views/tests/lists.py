"""A table of the tests' own, in the place of the page on which members begin."""

from werkzeug.datastructures import MultiDict

from app.features.saved_views import services
from app.features.saved_views.models import SavedView
from app.features.saved_views.services import ViewValues
from app.kit.tables import Choice, Column, Table
from app.kit.tables import asked as reading
from app.models import Role, User

LIST = "/account/"
BROAD = "columns=name&columns=index&per_page=50"

roles = Table(
    Role,
    title="Kinds of roles",
    nouns=("role", "roles"),
    endpoint="account.index",
    columns=[
        Column("name", "Name", main=True),
        Column("index", "Home"),
        Column("permissions", "Bits", hidden=True),
    ],
    search=["name"],
    filters=[Choice("index", "Home", choices=[("admin", "Admin"), ("account", "Account")])],
    order="name",
)


def asked(**parameters: str) -> reading.Asked:
    """Return the list that a URL with these parameters asks for."""
    return reading.read(roles, MultiDict(parameters))


def save(
    by: User, name: str = "Mine", *, shared: bool = False, start: bool = False, **parameters: str
) -> SavedView:
    """Save a view of the list with these parameters."""
    return services.create(asked(**parameters), ViewValues(name, shared, start), by=by)
