"""Programs edit pages."""

from app.features.api.tests.programs import Call, admin_program, problem_of
from app.features.content import pages
from app.models import Permission
from tests.world import HOSTILE as TEXT

__all__ = ["admin_program"]

ACCESS = dict.fromkeys(
    ("api.create_page", "api.get_page", "api.change_page"), Permission.MANAGE_CONTENT
)
NEW = {"name": "imprint", "html": "<p>New</p>"}
PATH = "/pages/about"


def on_about(method, body=None, event=""):
    def send(program):
        pages.save("about", "<p>Old</p>", by=None)
        return program.patch(PATH, body) if method == "PATCH" else program.get(PATH)

    return Call(send, event)


def hostile(_world):
    return [pages.save("hostile", TEXT, by=None).editor_name]


SHARED = {"page_name": "users with the permission see all pages"}
HOSTILE = {"page_name": hostile}
CALLS = {
    "api.create_page": Call(lambda program: program.post("/pages", NEW), "page.edited"),
    "api.get_page": on_about("GET"),
    "api.change_page": on_about("PATCH", {"html": NEW["html"]}, "page.edited"),
}


def test_a_page_is_written_read_and_changed(admin_program, client):
    assert problem_of(admin_program.get(PATH)) == (404, "not-found")
    hostile = "<p>First</p><script>alert(1)</script>"
    made = admin_program.post("/pages", {"name": "about", "html": hostile})
    assert (made.status_code, made.json) == (201, {"name": "about", "html": "<p>First</p>"})
    assert made.headers["Location"] == "/api/v1/pages/about"
    assert "<p>First</p>" in client.get("/about").text
    again = admin_program.post("/pages", {"name": "about", "html": "<p>Lost</p>"})
    assert problem_of(again) == (409, "page-exists")
    changed = admin_program.patch(PATH, {"html": "<p>Second</p>"})
    assert changed.json["html"] == "<p>Second</p>"
    late = admin_program.patch(PATH, {"html": "<p>Late</p>"}, If_Match=made.headers["ETag"])
    assert problem_of(late) == (412, "precondition-failed")


def test_a_change_between_reading_and_locking_is_noticed(admin_program, monkeypatch):
    pages.save("about", "<p>First</p>", by=None)
    save = pages.save

    def overtaken(name, html, **values):
        save(name, "<p>Overtaken</p>", by=None)
        return save(name, html, **values)

    monkeypatch.setattr(pages, "save", overtaken)
    answer = admin_program.patch(PATH, {"html": "<p>Late</p>"})
    assert problem_of(answer) == (412, "precondition-failed")
    assert admin_program.get(PATH).json["html"] == "<p>Overtaken</p>"


def test_odd_names_are_refused(admin_program):
    for name in ("", "About", "a/b", "a" * 65, "a\n", "-a"):
        answer = admin_program.post("/pages", NEW | {"name": name})
        assert problem_of(answer)[0] == 422, name
    for name in ("%00", "x" * 300, "%F0%9F%98%80"):
        assert problem_of(admin_program.get(f"/pages/{name}")) == (404, "not-found")
