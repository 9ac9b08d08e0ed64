"""Posts and the timeline."""

import pytest

from app.extensions import db
from app.features.blog import reading, writing
from app.features.blog.models import Comment, Post
from app.features.blog.tests.access import make_comment, make_follow, make_post
from app.features.blog.writing import Gone
from app.models import Permission
from app.services.policy import InsufficientPrivileges
from tests.world import HOSTILE


@pytest.fixture
def ada(make_user):
    return make_user(first_name="Ada", last_name="Author")


@pytest.fixture
def reader(make_user):
    return make_user(first_name="Rita", last_name="Reader")


@pytest.fixture
def browser(client, reader):
    client.enter(reader)
    return client


def test_a_post_is_written_edited_and_deleted(client, ada):
    client.enter(ada)
    written = client.submit("/blog/write", {"body": "  Hello **world**  "})
    post = db.session.query(Post).one()
    assert written.location == f"/blog/post/{post.id}"
    assert "Hello <strong>world</strong>" in client.get(written.location).text
    edit = f"/blog/post/{post.id}/edit"
    assert "Hello **world**" in client.get(edit).text
    client.submit(edit, {"body": "Hello again"})
    page = client.get(f"/blog/post/{post.id}").text
    assert "Hello again" in page
    assert "edited" in page
    assert "Its comments go with it" in client.get(f"/blog/post/{post.id}/delete").text
    assert client.submit(f"/blog/post/{post.id}/delete", {"submit": "1"}).location == "/blog/"
    assert db.session.query(Post).count() == 0


@pytest.mark.parametrize("body", ["", "   ", "x" * 10_001])
def test_what_cannot_be_published_is_kept_in_the_form(client, ada, body):
    client.enter(ada)
    page = client.submit("/blog/write", {"body": body})
    assert page.status_code == 200
    assert "Please check what you entered" in page.text
    assert body in page.text
    assert db.session.query(Post).count() == 0


def test_others_may_read_a_post_and_no_more(browser, ada, reader):
    post = make_post(ada)
    page = browser.get(f"/blog/post/{post.id}").text
    assert f"/blog/post/{post.id}/edit" not in page
    assert f"/blog/post/{post.id}/delete" not in page
    for path in ("edit", "delete"):
        assert browser.get(f"/blog/post/{post.id}/{path}").status_code == 403
    with pytest.raises(InsufficientPrivileges):
        writing.edit_post(post, body="Mine", by=reader)
    with pytest.raises(InsufficientPrivileges):
        writing.delete_post(post, by=reader)


def test_a_moderator_deletes_a_post_and_does_not_edit_it(someone_with, ada):
    moderator = someone_with(Permission.GENERAL | Permission.MODERATE_COMMENTS)
    post = make_post(ada)
    assert moderator.get(f"/blog/post/{post.id}/edit").status_code == 403
    moderator.submit(f"/blog/post/{post.id}/delete", {"submit": "1"})
    assert db.session.query(Post).count() == 0


def test_a_post_that_is_gone_is_no_error(ada):
    post = make_post(ada)
    make_comment(post, ada)
    stale = Post(id=post.id, author_id=ada.id)
    writing.delete_post(post, by=ada)
    assert db.session.query(Comment).count() == 0
    for act in (
        lambda: writing.edit_post(stale, body="x", by=ada),
        lambda: writing.delete_post(stale, by=ada),
        lambda: writing.write_comment(stale, body="x", by=ada),
    ):
        with pytest.raises(Gone):
            act()


# The timeline


def bodies(page):
    return [post.body for post in page.rows]


def test_the_timeline_has_own_posts_and_those_of_followed_members(ada, reader, make_user):
    stranger = make_user()
    for author in (ada, reader, stranger):
        make_post(author, f"by {author.first_name} {author.id}")
    make_follow(reader, ada)
    own = [f"by Rita {reader.id}", f"by Ada {ada.id}"]
    assert bodies(reading.timeline(reader, everyone=False)) == own
    assert len(bodies(reading.timeline(reader, everyone=True))) == 3
    assert bodies(reading.timeline(stranger, everyone=False)) == [f"by Ada {stranger.id}"]


def test_the_timeline_is_read_by_keyset(browser, ada, reader):
    for number in range(45):
        make_post(ada, f"Post number {number}.")
    make_follow(reader, ada)
    seen, before = [], None
    while True:
        page = reading.timeline(reader, everyone=False, before=before)
        seen += bodies(page)
        make_post(ada, "written meanwhile")
        if page.before is None:
            break
        before = page.before
    assert seen == [f"Post number {number}." for number in reversed(range(45))]
    assert 'rel="next"' in browser.get("/blog/").text
    assert 'rel="next"' in browser.get("/blog/?show=all").text


@pytest.mark.parametrize("before", ["x", "-1", "0", "9" * 50, "١", "1'", ""])
def test_an_invalid_position_shows_a_page(browser, ada, before):
    post = make_post(ada)
    for path in ("/blog/?show=all", f"/blog/member/{ada.id}?a=1", f"/blog/post/{post.id}?a=1"):
        assert browser.get(f"{path}&before={before}&after={before}").status_code == 200


def test_a_page_of_posts_takes_few_queries(browser, ada, make_user, reader):
    from sqlalchemy import event

    for _ in range(20):
        post = make_post(make_user())
        make_comment(post, ada)
    statements = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert browser.get("/blog/?show=all").text.count('class="panel post"') == 20
    finally:
        event.remove(engine, "before_cursor_execute", note)
    # One of them is for the pictures of the writers.
    assert len([one for one in statements if one.startswith("SELECT")]) <= 7


@pytest.mark.parametrize(
    "change", [{"suspended_at": True}, {"deleted_at": True}, {"confirmed": False}]
)
def test_posts_of_hidden_users_are_hidden(browser, ada, reader, change):
    """A suspended user's posts come back with the user."""
    from app.kit.database import now

    post = make_post(ada, "Seen by none")
    make_follow(reader, ada)
    before = {name: getattr(ada, name) for name in change}
    paths = ("/blog/", "/blog/?show=all", f"/blog/member/{reader.id}/following")
    assert all(ada.full_name() in browser.get(path).text for path in paths)
    for name, value in change.items():
        setattr(ada, name, now() if value else value)
    db.session.commit()
    for path in paths:
        text = browser.get(path).text
        assert ada.full_name() not in text
        assert "Seen by none" not in text
    for path in (f"/blog/post/{post.id}", f"/blog/member/{ada.id}"):
        assert browser.get(path).status_code == 404
    for name, value in before.items():
        setattr(ada, name, value)
    db.session.commit()
    assert "Seen by none" in browser.get("/blog/").text


def test_hostile_names_are_shown_as_text(browser, make_user):
    author = make_user(first_name=HOSTILE, last_name=HOSTILE)
    make_post(author)
    assert HOSTILE not in browser.get("/blog/?show=all").text
    assert HOSTILE not in browser.get(f"/blog/member/{author.id}").text


def test_events_hold_no_text_of_a_post(ada, client):
    from app.models import AuditEvent

    client.enter(ada)
    client.submit("/blog/write", {"body": "My secret recipe"})
    post = db.session.query(Post).one()
    client.submit(f"/blog/post/{post.id}/edit", {"body": "My other secret recipe"})
    for event in db.session.query(AuditEvent):
        assert "recipe" not in repr([event.subject_label, event.changes, event.details])
