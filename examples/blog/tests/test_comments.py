"""Comments and their moderation."""

import pytest

from app.extensions import db
from app.features.blog import reading, writing
from app.features.blog.models import Comment, CommentState
from app.features.blog.tests.access import make_comment, make_post
from app.kit.database import now
from app.models import Permission
from app.services.policy import InsufficientPrivileges


@pytest.fixture
def author(make_user):
    return make_user()


@pytest.fixture
def post(author):
    return make_post(author)


@pytest.fixture
def commenter(make_user):
    return make_user(first_name="Carl", last_name="Commenter")


@pytest.fixture
def browser(client, commenter):
    client.enter(commenter)
    return client


@pytest.fixture
def held(app, monkeypatch):
    monkeypatch.setitem(app.config, "HOLD_COMMENTS", True)


@pytest.fixture
def moderator(someone_with):
    return someone_with(Permission.GENERAL | Permission.MODERATE_COMMENTS)


def seen_by(viewer, post):
    return [comment.body for comment in reading.comments_of(post, viewer=viewer).rows]


def test_a_comment_is_written_and_deleted(browser, post):
    written = browser.submit(f"/blog/post/{post.id}/comment", {"body": "I *agree*."})
    comment = db.session.query(Comment).one()
    assert "I <em>agree</em>." in browser.get(written.location).text
    assert "1 comment<" in browser.get("/blog/?show=all").text
    deleted = browser.submit(f"/blog/comment/{comment.id}/delete", {"submit": "1"})
    assert deleted.location == f"/blog/post/{post.id}"
    assert db.session.query(Comment).count() == 0


@pytest.mark.parametrize("body", ["", " ", "x" * 2_001])
def test_a_comment_that_cannot_be_is_kept_in_the_form(browser, post, body):
    page = browser.submit(f"/blog/post/{post.id}/comment", {"body": body})
    assert "Please check what you entered" in page.text
    assert body in page.text
    assert db.session.query(Comment).count() == 0


def test_others_do_not_delete_a_comment(browser, author, post, commenter, make_user):
    comment = make_comment(post, make_user())
    assert browser.get(f"/blog/comment/{comment.id}/delete").status_code == 403
    with pytest.raises(InsufficientPrivileges):
        writing.delete_comment(comment, by=commenter)


def test_a_comment_waits_where_comments_are_held(held, browser, moderator, author, post, commenter):
    path = f"/blog/post/{post.id}"
    written = browser.submit(f"{path}/comment", {"body": "Let me in"}, follow_redirects=True)
    assert "when a moderator has approved it" in written.text
    assert "Waits for a moderator" in browser.get(path).text
    assert seen_by(author, post) == []
    assert "1 waiting for you" in moderator.get("/admin/").text
    comment = db.session.query(Comment).one()
    token = moderator.csrf_token("/admin/comments?state=waiting")
    approve = f"/admin/comments/{comment.id}/approve"
    moderator.post(approve, data={"csrf_token": token})
    assert seen_by(author, post) == ["Let me in"]
    hide = f"/admin/comments/{comment.id}/hide"
    moderator.post(hide, data={"csrf_token": token})
    assert seen_by(author, post) == seen_by(commenter, post) == []
    assert "Hidden" in moderator.get(f"/admin/comments/{comment.id}").text


def test_a_moderator_does_not_wait(held, moderator, post):
    moderator.submit(f"/blog/post/{post.id}/comment", {"body": "Be kind"})
    assert db.session.query(Comment).one().state == CommentState.SHOWN


def test_the_list_is_searched_and_filtered(moderator, post, commenter):
    make_comment(post, commenter, "About apples")
    make_comment(post, commenter, "About pears", CommentState.WAITING)
    every = moderator.get("/admin/comments").text
    assert "About apples" in every
    assert "About pears" in every
    assert "About apples" not in moderator.get("/admin/comments?state=waiting").text
    assert "About pears" not in moderator.get("/admin/comments?search=apples").text
    assert "so it is left out" in moderator.get("/admin/comments?state=odd").text


def test_comments_of_a_suspended_user_are_hidden_until_they_are_back(
    moderator, browser, author, post, commenter
):
    make_comment(post, commenter, "Still here?")
    assert seen_by(author, post) == ["Still here?"]
    commenter.suspended_at = now()
    db.session.commit()
    assert seen_by(author, post) == []
    assert reading.timeline(author, everyone=True).comments == {}
    comment = db.session.query(Comment).one()
    page = moderator.get(f"/admin/comments/{comment.id}").text
    assert "account is suspended" in page
    commenter.suspended_at = None
    db.session.commit()
    assert seen_by(author, post) == ["Still here?"]


def test_a_suspended_user_writes_nothing(browser, post, commenter):
    token = browser.csrf_token(f"/blog/post/{post.id}")
    commenter.suspended_at = now()
    db.session.commit()
    data = {"csrf_token": token, "body": "One more"}
    assert "/account/login" in browser.post(f"/blog/post/{post.id}/comment", data=data).location
    assert db.session.query(Comment).count() == 0


def test_many_comments_are_read_by_keyset(browser, post, commenter):
    for number in range(120):
        make_comment(post, commenter, f"Comment {number}.")
    seen, after = [], None
    while True:
        page = reading.comments_of(post, viewer=commenter, after=after)
        seen += [comment.body for comment in page.rows]
        if page.after is None:
            break
        after = page.after
    assert seen == [f"Comment {number}." for number in range(120)]
    assert "More comments" in browser.get(f"/blog/post/{post.id}").text
