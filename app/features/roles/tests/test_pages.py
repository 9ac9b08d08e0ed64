"""Test creating, editing and deleting roles, also with limited permissions."""

import re

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.roles import editing, forms, role_pages
from app.kit.mail.email_message import EmailMessage
from app.kit.permissions import LAST_BIT_OF_A_COPY, PermissionText
from app.models import AuditEvent, Permission, Role, User
from app.models.role import PERMISSION_TEXTS
from app.services import roles
from app.services.policy import InsufficientPrivileges
from tests.factories import make_role
from tests.support import needs

ROLES = "/admin/roles"
NEW = "/admin/roles/new"
PARTIAL = Permission.GENERAL | Permission.MANAGE_ROLES | Permission.MANAGE_CONTENT


@pytest.fixture
def partial(app, make_user):
    """A browser of a user who may manage roles and content, and nothing else."""
    user = make_user(email="partial@example.com")
    user.role = make_role("Role keeper", PARTIAL)
    db.session.commit()
    browser = app.test_client()
    browser.enter(user)
    return browser


def named(name):
    return db.session.scalar(select(Role).where(Role.name == name))


def path(role, action=""):
    return f"{ROLES}/{role.id}{action}"


def fields(name="Editor", *bits, index="main", **more):
    return {"name": name, "index": index, "permissions": [int(bit) for bit in bits], **more}


def hidden(page):
    """Return the hidden fields of a page, as a browser sends them."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r'<input[^>]*type="hidden"[^>]*>', page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        text = value.group(1) if value else ""
        for entity, character in (("&#34;", '"'), ("&quot;", '"'), ("&#39;", "'"), ("&amp;", "&")):
            text = text.replace(entity, character)
        found.setdefault(name.group(1), []).append(text)
    return found


def seen(browser, role):
    return hidden(browser.get(path(role)).text)["seen"][0]


def save(browser, role, data):
    """Submit the form of a role and, if asked, confirm the change."""
    data = {"seen": seen(browser, role), **data}
    answer = browser.submit(path(role), data)
    if answer.status_code == 200 and 'name="confirmed" value="{' in answer.text.replace(
        "&#34;", '"'
    ):
        return browser.post(path(role), data=hidden(answer.text))
    return answer


def events(action):
    rows = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)
    return list(db.session.scalars(rows))


# The list


def test_the_list_says_what_roles_allow_and_how_many_people_have_them(browser, make_user):
    editor = make_role("Editor", 0x11)
    for _ in range(3):
        make_user(role="Editor")
    deleted = make_user(role="Editor")
    deleted.deleted_at = deleted.created_at
    db.session.commit()
    page = browser.get(ROLES).text
    row = page.split("Editor</a>")[1].split("</tr>")[0]
    assert "General, Manage content" in row
    assert f"role={editor.id}" in row
    assert ">3<" in row
    user_row = page.split("User</a>")[1].split("</tr>")[0]
    assert "Default" in user_row
    assert "Administer" in page.split("Administrator</a>")[1].split("</tr>")[0]


def test_people_are_counted_no_further_than_the_cap(browser, make_user, monkeypatch):
    monkeypatch.setattr(role_pages, "COUNT_CAP", 2)
    make_role("Editor", 0x11)
    for _ in range(4):
        make_user(role="Editor")
    row = browser.get(ROLES).text.split("Editor</a>")[1].split("</tr>")[0]
    assert "more than 2" in row
    kinds = {row.name: row.people.kind for row in role_pages.counted(roles.known())}
    assert kinds["Editor"] == "more"


# Create and edit


def test_a_role_is_made(browser):
    answer = browser.submit(NEW, fields("  Content   editor ", 0x01, 0x10, index="admin"))
    assert answer.location == ROLES
    made = named("Content editor")
    assert (made.permissions, made.index, made.default) == (0x11, "admin", False)
    (event,) = events("role.created")
    assert event.changes["permissions"] == [None, "General, Manage content"]
    assert event.subject_label == "Content editor"


def test_every_permission_is_offered_with_its_sentence(browser):
    page = browser.get(NEW).text
    for bit in role_pages.permissions_in_use() & {*PERMISSION_TEXTS}:
        text = PERMISSION_TEXTS[bit]
        box = page.split(f'value="{int(bit)}"')[1].split("</div>")[0]
        assert text.name in box
        assert text.sentence.replace("'", "&#39;") in box
        assert "disabled" not in box.split(">")[0]


def test_a_permission_that_no_page_asks_for_is_offered_if_a_role_has_it(browser, monkeypatch):
    monkeypatch.setattr(forms, "permissions_in_use", lambda: {Permission.GENERAL})
    make_role("Auditor", Permission.GENERAL | Permission.VIEW_AUDIT)
    sentence = PERMISSION_TEXTS[Permission.VIEW_AUDIT].sentence
    assert sentence not in browser.get(NEW).text
    assert sentence in browser.get(f"{ROLES}/{named('Auditor').id}").text
    assert sentence not in browser.get(f"{ROLES}/{named('Administrator').id}").text


def test_ticking_administer_gives_everything_and_nothing_else_does(browser):
    """AZ-4"""
    browser.submit(NEW, fields("Owner", 0x01, 0xFF))
    assert named("Owner").permissions == 0xFF
    every_other = [bit for bit in PERMISSION_TEXTS if bit != Permission.ADMINISTER]
    browser.submit(NEW, fields("Nearly all", *every_other))
    assert not named("Nearly all").is_administrator
    assert named("Nearly all").permissions == sum(every_other)


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "0xff", "0x1ff", "511", "128", "256", str(2**40), "", "abc", "1.0", "9" * 5000,
     "-255"],
)  # fmt: skip
def test_values_that_no_permission_has_are_refused(browser, partial, value):
    """AZ-4: negative, unknown and oversized values are refused, even from an administrator."""
    for someone in (browser, partial):
        page = someone.submit(NEW, {"name": "Odd", "index": "main", "permissions": [value]})
        assert page.status_code == 200
        assert "Tick at least one permission" in page.text or "Invalid" in page.text
        page = someone.submit(NEW, {"name": "Odd", "index": "main", "permissions": ["1", value]})
        assert page.status_code == 200
        assert named("Odd") is None
    assert someone.submit(NEW, {"name": "Odd", "index": "main"}).status_code == 200
    assert named("Odd") is None


@pytest.mark.parametrize(
    "bits", [0, -1, 0x80, 0x81, 0x100, 0x1FF & ~0x01, 2**40, -255, 0xFF + 2**40]
)
def test_the_service_refuses_bits_that_make_no_sense(app, admin, bits):
    """AZ-4: the bit 0x80 never stands alone."""
    values = editing.Values("Odd", "main", bits, default=False)
    with pytest.raises(editing.UnknownPermission):
        editing.create(values, by=admin)
    with pytest.raises(editing.UnknownPermission):
        editing.change(named("User"), values, by=None)
    assert named("Odd") is None


@pytest.mark.parametrize(
    "home", ["", "nowhere", "static", "account.manage", "http://evil.example", "index"]
)
def test_only_pages_that_there_are_can_be_homes(browser, home):
    page = browser.submit(NEW, fields("Odd", 1, index=home))
    assert "Choose one of the pages" in page.text
    assert named("Odd") is None


def test_every_home_that_is_offered_opens(browser):
    offered = re.findall(r'<option[^>]*value="([^"]+)"', browser.get(NEW).text)
    assert {"main", "admin"} <= set(offered)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Enter a name"),
        ("   ", "Enter a name"),
        ("x" * 65, "at most 64"),
        ("Ed\x07itor", "invisible"),
        ("Ed\u200bitor", "invisible"),
        ("\u202eEditor", "invisible"),
        ("\u3164", "invisible"),
        ("Administrator", "has this name already"),
        (" administrator  ", "has this name already"),
        ("ADMINISTRATOR", "has this name already"),
    ],
)
def test_an_invalid_name_is_explained_beside_the_field(browser, name, said):
    before = db.session.query(Role).count()
    page = browser.submit(NEW, fields(name, 1))
    assert page.status_code == 200
    assert said in page.text
    assert db.session.query(Role).count() == before


@needs("invitations")
def test_an_invalid_number_is_refused_with_a_message_of_the_page(browser):
    page = browser.submit(NEW, {**fields("Odd", 1), "permissions": "abc"})
    assert "Tick at least one permission of the list." in page.text
    assert "coerce" not in page.text
    page = browser.submit("/admin/invite-user", {"role": "abc"})
    assert "Choose one of the roles." in page.text
    assert "coerce" not in page.text


def test_names_are_shown_as_typed_and_run_nothing(browser):
    """IN-2"""
    browser.submit(NEW, fields("<b>{{ 7 * 7 }}</b>", 1))
    page = browser.get(ROLES).text
    assert "&lt;b&gt;{{ 7 * 7 }}&lt;/b&gt;" in page


def test_fields_that_the_form_does_not_have_are_ignored(browser):
    """AZ-3"""
    browser.submit(NEW, fields("Editor", 1, id="77", users="1", is_administrator="1"))
    assert named("Editor").id != 77
    assert named("Editor").permissions == 1


def test_a_change_of_name_or_home_needs_no_second_look(browser, make_user):
    editor = make_role("Editor", 0x11)
    make_user(role="Editor")
    answer = browser.submit(
        path(editor), fields("Writer", 1, 0x10, index="admin", seen=seen(browser, editor))
    )
    assert answer.location == ROLES
    assert (editor.name, editor.index) == ("Writer", "admin")
    (event,) = events("role.changed")
    assert event.changes == {
        "name": ["Editor", "Writer"],
        "home": ["Main, at /", "Admin, at /admin/"],
    }


def test_a_stale_form_tells_homes_in_the_words_of_the_form(browser, admin):
    """F38"""
    editor = make_role("Editor", 0x11)
    noted = seen(browser, editor)
    assert ">Admin, at /admin/</option>" in browser.get(path(editor)).text
    editing.change(editor, editing.Values("Editor", "admin", 0x11, default=False), by=admin)
    page = browser.submit(path(editor), fields("Editor", 1, 0x10, index="main", seen=noted))
    assert page.status_code == 409
    assert "<del>Main, at /</del>" in page.text
    assert page.text.count("<strong>Admin, at /admin/</strong>") == 1
    assert "<strong>Main, at /</strong>" in page.text


def test_a_home_that_is_gone_is_reported_by_its_name(app):
    assert editing.Values("Odd", "shop", 1, default=False).noted()["Home"] == "shop"


def test_before_permissions_change_the_page_names_the_users_affected(browser, make_user):
    editor = make_role("Editor", 0x11)
    for _ in range(3):
        make_user(role="Editor")
    data = fields("Editor", 1, 0x20, seen=seen(browser, editor))
    page = browser.submit(path(editor), data).text
    assert "3 people have this role" in page
    assert (
        "View the audit trail" in page.split("Permissions added")[1].split("Permissions removed")[0]
    )
    assert "Manage content" in page.split("Permissions removed")[1]
    assert editor.permissions == 0x11, "nothing is stored before it is confirmed"
    assert browser.post(path(editor), data=hidden(page)).location == ROLES
    assert editor.permissions == 0x21
    (event,) = events("role.changed")
    assert event.changes == {
        "permissions": ["General, Manage content", "General, View the audit trail"]
    }


def test_the_confirmed_permissions_are_stored(browser, make_user):
    """Confirming one change does not confirm another."""
    editor = make_role("Editor", 0x01)
    make_user(role="Editor")
    page = browser.submit(path(editor), fields("Editor", 1, 2, seen=seen(browser, editor))).text
    data = {**hidden(page), "permissions": ["1", "255"]}
    again = browser.post(path(editor), data=data)
    assert again.status_code == 200
    assert "Administer" in again.text
    assert editor.permissions == 0x01


def test_going_back_keeps_the_entered_values(browser, make_user):
    editor = make_role("Editor", 0x01)
    make_user(role="Editor")
    page = browser.submit(path(editor), fields("Writer", 1, 2, seen=seen(browser, editor))).text
    back = browser.post(path(editor), data={**hidden(page), "back": "1"}).text
    assert 'value="Writer"' in back
    assert "checked" in back.split('id="permission-2"')[1].split(">")[0]
    assert editor.name == "Editor"


@needs("jobs")
def test_changed_permissions_count_from_the_next_request(browser, app, make_user):
    editor = make_role("Editor", 0x11)
    someone = app.test_client()
    someone.enter(make_user(role="Editor"))
    assert someone.get("/admin/").status_code == 200
    assert someone.get("/admin/jobs").status_code == 403
    save(browser, editor, fields("Editor", 1, 2))
    assert someone.get("/admin/jobs").status_code == 200


def test_a_stale_form_shows_both_versions_and_can_be_sent_again(browser, admin):
    """F38"""
    editor = make_role("Editor", 0x11)
    noted = seen(browser, editor)
    editing.change(editor, editing.Values("Journalist", "main", 0x11, default=False), by=admin)
    page = browser.submit(path(editor), fields("Writer", 1, 0x10, seen=noted))
    assert page.status_code == 409
    for words in ("changed while you were editing", "Journalist", "Writer", "admin@example.com"):
        assert words in page.text
    assert page.text.count("You want") == 1, "what is the same is not worth comparing"
    assert editor.name == "Journalist"
    data = fields("Writer", 1, 0x10, seen=hidden(page.text)["seen"][0])
    assert browser.submit(path(editor), data).location == ROLES
    assert editor.name == "Writer"


@pytest.mark.parametrize("noted", ["", "nonsense", "[]", "{}", "[" * 10_000])
def test_a_form_without_a_snapshot_is_stale(browser, noted):
    editor = make_role("Editor", 0x11)
    page = browser.submit(path(editor), fields("Writer", 1, 0x10, seen=noted))
    assert "changed while you were editing" in page.text
    assert editor.name == "Editor"


def test_a_role_that_is_gone_is_not_found(browser):
    for action in ("", "/delete"):
        assert browser.get(f"{ROLES}/{2**31 - 1}{action}").status_code == 404
        assert browser.get(f"{ROLES}/{2**63}{action}").status_code in {400, 404}


# The default role


def test_another_role_becomes_the_default_and_one_is_always(browser, app):
    editor = make_role("Editor", 0x01)
    page = browser.submit(
        path(editor), fields("Editor", 1, default="y", seen=seen(browser, editor))
    )
    assert "instead of" in page.text
    assert "User" in page.text.split("instead of")[1]
    browser.post(path(editor), data=hidden(page.text))
    assert [role.name for role in roles.known() if role.default] == ["Editor"]
    assert Role.get_default() is editor
    # A form without the checkbox does not unset the default.
    save(browser, editor, fields("Editor", 1))
    assert editor.default


def test_users_who_register_never_administer_the_app(browser, admin):
    """AZ-4"""
    page = browser.submit(NEW, fields("Owner", 0xFF, default="y"))
    assert "instead of" not in page.text
    assert "Everyone who registers would administer the app" in page.text
    assert named("Owner") is None
    values = editing.Values("User", "main", 0xFF, default=False)
    with pytest.raises(editing.DefaultRole):
        editing.change(named("User"), values, by=admin)


def test_the_role_that_is_the_default_no_longer_has_that_in_the_trail(browser, admin):
    """AD-5: the values before and after, of both roles."""
    editing.create(editing.Values("Guest", "main", 1, default=True), by=admin)
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(2)).all()
    told = {event.subject_label: event.changes["given to people who register"] for event in events}
    assert told == {"User": ["yes", "no"], "Guest": [None, "yes"]}


def test_nobody_takes_the_default_from_a_role_above_themselves(partial, app):
    """AZ-4: this would edit a role with permissions that the acting user lacks."""
    default = Role.get_default()
    default.permissions = int(Permission.GENERAL | Permission.MANAGE_USERS)
    own = make_role("Guest", Permission.GENERAL)
    db.session.commit()
    for where, role in ((NEW, None), (path(own), own)):
        given = fields("Visitor", 1, default="y", **({"seen": seen(partial, role)} if role else {}))
        page = partial.submit(where, given)
        assert "instead of" in page.text
        page = partial.post(where, data=hidden(page.text))
        assert "so you cannot replace it" in page.text
        assert Role.get_default() is default
    assert named("Visitor") is None


def test_the_database_itself_allows_one_default(app):
    with pytest.raises(Exception, match=r"(?i)unique"):
        make_role("Editor", 0x01, default=True)
    db.session.rollback()


# Users with limited permissions


def test_permissions_that_the_administrator_lacks_are_shown_and_disabled(partial):
    """AZ-4"""
    page = partial.get(NEW).text
    for bit in role_pages.permissions_in_use() & {*PERMISSION_TEXTS}:
        text = PERMISSION_TEXTS[bit]
        box = page.split(f'id="permission-{int(bit)}"')[1].split("</div>")[0]
        assert text.name in box
        is_lacked = bit & PARTIAL != bit
        assert ("disabled" in box.split(">")[0]) is is_lacked
        assert ("You lack this permission" in box) is is_lacked


@pytest.mark.parametrize("bits", [(0xFF,), (1, 4), (0x20,), (0x40,), (2,), (1, 8, 0xFF)])
def test_nobody_gives_a_permission_that_they_lack(partial, bits):
    """AZ-4"""
    page = partial.submit(NEW, fields("Above", *bits))
    assert page.status_code == 200
    assert "You cannot give a permission that you lack" in page.text
    assert named("Above") is None
    below = make_role("Below", 0x01)
    page = partial.submit(path(below), fields("Below", *bits, seen=seen(partial, below)))
    assert "You cannot give a permission that you lack" in page.text
    assert below.permissions == 0x01


def test_nobody_gives_themselves_more(partial):
    """AZ-4: users cannot extend their own role either."""
    own = named("Role keeper")
    page = partial.submit(
        path(own), fields("Role keeper", 1, 8, 0x10, 0xFF, seen=seen(partial, own))
    )
    assert "You cannot give a permission that you lack" in page.text
    assert own.permissions == PARTIAL


def test_a_partial_administrator_makes_and_edits_roles_below_themselves(partial):
    assert partial.submit(NEW, fields("Editor", 1, 0x10)).location == ROLES
    editor = named("Editor")
    assert partial.submit(path(editor), fields("Editor", 1, seen=seen(partial, editor))).location
    assert editor.permissions == 1


@pytest.mark.parametrize("permissions", [0xFF, 0x05, 0x100, 0x1FF, 0x80])
def test_a_role_with_more_permissions_is_read_only(partial, permissions):
    """AZ-4"""
    above = make_role("Above", permissions)
    page = partial.get(path(above)).text
    assert "permissions that you lack" in page
    assert "Save role" not in page
    assert "Delete role" not in page
    data = fields("Below", 1, seen=seen(partial, above))
    assert partial.submit(path(above), data, form_at=NEW).status_code == 403
    assert partial.get(path(above, "/delete")).status_code == 302
    data = {"role": str(named("User").id)}
    assert partial.submit(path(above, "/delete"), data, form_at=NEW).status_code == 302
    assert named("Above").permissions == permissions


def test_users_are_not_moved_above_the_administrator_who_deletes_their_role(partial, make_user):
    """AZ-4"""
    editor = make_role("Editor", 0x11)
    make_user(role="Editor")
    page = partial.get(path(editor, "/delete")).text
    offered = re.findall(r"<option[^>]*>([^<]+)", page)
    assert set(offered) == {"Role keeper", "User"}
    data = {"role": str(named("Administrator").id)}
    page = partial.submit(path(editor, "/delete"), data)
    assert "Choose one of the roles" in page.text
    user = db.session.scalar(select(User).where(User.email == "partial@example.com"))
    with pytest.raises(InsufficientPrivileges):
        editing.delete(editor, move_to=named("Administrator"), by=user)
    assert named("Editor")


@needs("invitations")
@pytest.mark.parametrize("where", ["/admin/new-user", "/admin/invite-user"])
def test_only_roles_that_one_may_give_are_offered(app, make_user, where):
    """AZ-4"""
    user = make_user()
    user.role = make_role("People keeper", 0x05)
    db.session.commit()
    browser = app.test_client()
    browser.enter(user)
    page = browser.get(where).text
    offered = re.findall(r"<option[^>]*>([^<]+)", page.split('id="role"')[1].split("</select>")[0])
    assert set(offered) == {"People keeper", "User"}
    person = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com",
              "password": "xK3#vQ9!mZ2p", "password2": "xK3#vQ9!mZ2p"}  # fmt: skip
    data = {**person, "role": str(named("Administrator").id)}
    assert "Choose one of the roles" in browser.submit(where, data).text
    assert User.by_email("grace@example.com") is None


def test_users_move_nobody_to_a_role_with_more_permissions(app, make_user):
    """AZ-4"""
    user, other, boss = make_user(), make_user(), make_user(role="Administrator")
    user.role = make_role("People keeper", 0x05)
    db.session.commit()
    browser = app.test_client()
    browser.enter(user)
    administrator = {"role": str(named("Administrator").id)}
    for person in (user, other, boss):
        before = person.role_id
        where = f"/admin/user/{person.id}/change-account-type"
        browser.submit(where, administrator, form_at="/admin/new-user")
        browser.submit(where, {"role": str(named("User").id)}, form_at="/admin/new-user")
        assert person.role_id in {before, named("User").id}
    assert boss.is_admin()


# Permissions that an app adds


@pytest.fixture
def publish(monkeypatch):
    """Add a permission, as an app built on the kit does."""
    text = PermissionText("Publish", "Make articles public.")
    monkeypatch.setitem(PERMISSION_TEXTS, LAST_BIT_OF_A_COPY, text)
    return LAST_BIT_OF_A_COPY


def test_a_permission_that_is_added_can_be_given_and_administrators_hold_it(
    publish, app, browser, partial, admin, make_user
):
    """AZ-4: a bit beyond the first eight is a permission like any other."""
    assert "Make articles public." in browser.get(NEW).text
    browser.submit(NEW, fields("Publisher", 1, publish))
    publisher = named("Publisher")
    assert publisher.permissions == 0x01 | publish
    assert "General, Publish" in browser.get(ROLES).text
    user = make_user(role="Publisher")
    assert user.can(publish)
    assert user.can_any(publish | 0x02)
    assert not user.can(0x02)
    assert not user.is_admin()
    assert admin.can(publish)
    # A permission belongs to the app, not to the admin, unless its text says so.
    assert not publish & Permission.management()
    someone = app.test_client()
    someone.enter(user)
    assert someone.get("/admin/").status_code == 403
    # A user who lacks it can neither assign it nor edit a role with it.
    assert "You cannot give" in partial.submit(NEW, fields("Sly", 1, publish)).text
    assert "permissions that you lack" in partial.get(path(publisher)).text


def test_a_permission_that_was_taken_out_is_reported_by_its_number(browser):
    relic = make_role("Relic", 0x201)
    assert "General, 0x200" in browser.get(ROLES).text
    assert save(browser, relic, fields("Relic", 1)).location == ROLES
    assert relic.permissions == 1


# Delete


def test_users_of_a_deleted_role_get_the_chosen_role_and_a_mail(browser, admin, make_user, outbox):
    """AD-4"""
    editor = make_role("Editor", 0x11)
    people = [make_user(role="Editor") for _ in range(3)]
    deleted = make_user(role="Editor")
    deleted.deleted_at = deleted.created_at
    db.session.commit()
    other = make_user()
    page = browser.get(path(editor, "/delete")).text
    assert "3 people have the role Editor" in page
    selected = re.findall(r"<option[^>]* selected[^>]*>([^<]+)", page)
    assert selected == ["User"]
    editor_id, target = editor.id, named("User")
    answer = browser.submit(path(editor, "/delete"), {"role": str(target.id)})
    assert answer.location == ROLES
    assert db.session.get(Role, editor_id) is None
    assert {person.role_id for person in (*people, deleted, other)} == {target.id}
    mails = outbox.deliver()
    assert {mail["To"] for mail in mails} == {person.email for person in people}
    assert all("User" in mail.get_body(("plain",)).get_content() for mail in mails)
    ids = db.session.scalars(select(EmailMessage.message_id)).all()
    assert len(set(ids)) == 3
    (event,) = events("role.deleted")
    assert (event.details["people"], event.details["moved_to"]) == (4, "User")
    assert event.subject_id == editor_id
    moved = events("user.role_changed")
    assert {event.subject_id for event in moved} == {p.id for p in (*people, deleted)}
    assert {event.subject_label for event in moved} == {p.email for p in (*people, deleted)}
    assert all(event.changes == {"role": ["Editor", "User"]} for event in moved)
    assert {event.actor_id for event in moved} == {admin.id}
    assert {event.address for event in moved} == {"127.0.0.1"}


def test_a_role_that_nobody_has_is_deleted(browser):
    editor = make_role("Editor", 0x11)
    assert "Nobody has the role Editor" in browser.get(path(editor, "/delete")).text
    answer = browser.submit(path(editor, "/delete"), {"role": str(named("User").id)})
    assert answer.location == ROLES
    assert named("Editor") is None
    assert events("user.role_changed") == []


@pytest.mark.parametrize("target", ["", "0", "-1", "abc", str(2**40), "own"])
def test_people_go_only_to_a_role_that_there_is(browser, make_user, target):
    editor = make_role("Editor", 0x11)
    user = make_user(role="Editor")
    target = str(editor.id) if target == "own" else target
    page = browser.submit(path(editor, "/delete"), {"role": target})
    assert page.status_code == 200
    assert user.role_id == editor.id


def test_the_default_role_cannot_be_deleted(browser):
    user = named("User")
    assert "Delete role" not in browser.get(path(user)).text
    answer = browser.get(path(user, "/delete"), follow_redirects=True)
    assert "People who register get this role" in answer.text
    with pytest.raises(editing.DefaultRole):
        editing.delete(user, move_to=named("Administrator"), by=None)
    assert named("User")


def test_more_people_than_a_request_can_move_need_another_role_first(
    browser, make_user, monkeypatch
):
    monkeypatch.setattr("app.features.roles.reassign_role.MOST", 2)
    editor = make_role("Editor", 0x11)
    for _ in range(3):
        make_user(role="Editor")
    page = browser.submit(path(editor, "/delete"), {"role": str(named("User").id)})
    assert "Give them another role first" in page.text
    assert named("Editor")
    assert events("role.deleted") == []


def test_roles_that_were_renamed_or_deleted_do_not_come_back(app, admin):
    """Changes to the roles survive each release."""
    values = editing.Values("Owner", "admin", 0xFF, default=False)
    editing.change(named("Administrator"), values, by=admin)
    editing.change(named("User"), editing.Values("Member", "main", 1, default=True), by=admin)
    roles.insert()
    assert [role.name for role in roles.known()] == ["Member", "Owner"]


def test_a_release_gives_nobody_more_while_someone_else_administers(app, admin):
    """AZ-4: a role that lost permissions does not regain them."""
    make_role("Owner", 0xFF)
    admin.role = named("Owner")
    db.session.commit()
    editing.change(
        named("Administrator"), editing.Values("Administrator", "admin", 5, default=False), by=admin
    )
    roles.insert()
    assert named("Administrator").permissions == 5


def test_deleting_a_role_that_nobody_has_asks_for_nothing_more(client, admin):
    role = make_role("Unused", permissions=int(Permission.GENERAL))
    db.session.commit()
    client.enter(admin)
    path = f"/admin/roles/{role.id}/delete"
    page = client.get(path).text
    assert "Nobody has the role Unused." in page
    assert "<select" not in page
    offered = re.search(r'name="role" value="(\d+)"', page)[1]
    assert int(offered) == Role.get_default().id
    client.submit(path, {"role": offered})
    assert named("Unused") is None
