"""Programs read and change the list of suppressed addresses."""

from itertools import count

from app.features.api.tests.programs import Call, admin_program, get, problem_of
from app.features.bounces.tests.access import suppress
from app.models import Permission

__all__ = ["admin_program"]

LIST = "/suppressed-addresses"
NAMES = ("list_suppressed_addresses", "get_suppressed_address")
NAMES += ("add_suppressed_address", "remove_suppressed_address")
ACCESS = {f"api.{name}": Permission.MANAGE_JOBS for name in NAMES}
NEW = {"email": "gone@example.com", "detail": "Asked by telephone"}


def on_address(method, event=""):
    numbers = count()  # a test sends a call several times

    def send(program):
        row = suppress(f"gone{next(numbers)}@example.com")
        return program.call(method, f"{LIST}/{row.id}")

    return Call(send, event)


CALLS = {
    "api.list_suppressed_addresses": get(LIST),
    "api.get_suppressed_address": on_address("GET"),
    "api.add_suppressed_address": Call(
        lambda program: program.post(LIST, NEW), "suppression.added"
    ),
    "api.remove_suppressed_address": on_address("DELETE", "suppression.removed"),
}


def test_a_program_stops_mail_to_an_address_and_allows_it_again(admin_program):
    added = admin_program.post(LIST, NEW)
    assert added.status_code == 201
    assert added.json["reason"] == "stopped"
    assert problem_of(admin_program.post(LIST, NEW)) == (409, "already-suppressed")
    (one,) = admin_program.get(f"{LIST}?reason=stopped").json["items"]
    assert one == added.json
    url = f"{LIST}/{one['id']}"
    assert admin_program.call("DELETE", url).status_code == 204
    assert admin_program.call("DELETE", url).status_code == 404
    assert admin_program.get(url).status_code == 404
