"""Pages of members, followers, and what goes when a user is erased."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.blog import fake_posts, reading, writing
from app.features.blog.models import Comment, Follow, MemberProfile, Post
from app.features.blog.tests.access import make_comment, make_follow, make_post
from app.features.blog.writing import NotOneself
from app.kit.database import now
from app.models import User
from tests.factories import make_user as new_user

MODELS = (Comment, Follow, Post, MemberProfile)


@pytest.fixture
def grace(make_user):
    return make_user(first_name="Grace", last_name="Hopper", last_seen_at=now())


@pytest.fixture
def me(make_user):
    return make_user(first_name="Mia", last_name="Member")


@pytest.fixture
def browser(client, me):
    client.enter(me)
    return client


def counts():
    return [db.session.query(model).count() for model in MODELS]


def test_a_page_of_a_member_has_words_numbers_and_posts(browser, grace, me):
    writing.edit_profile(location="Arlington", about="I write *compilers*.", by=grace)
    make_post(grace, "A post by Grace")
    make_follow(me, grace)
    page = browser.get(f"/blog/member/{grace.id}").text
    for words in ("Grace Hopper", "Arlington", "I write <em>compilers</em>.", "A post by Grace"):
        assert words in page
    assert "last seen" in page
    assert "<strong>1</strong> follower<" in page
    assert "Unfollow" in page


def test_a_profile_is_edited(browser, me):
    page = browser.get(f"/blog/member/{me.id}").text
    assert "Tell others about yourself" in page
    saved = browser.submit("/blog/profile", {"location": "Kyiv", "about": "Hello."})
    assert saved.location == f"/blog/member/{me.id}"
    assert 'value="Kyiv"' in browser.get("/blog/profile").text
    assert "x" * 65 in browser.submit("/blog/profile", {"location": "x" * 65}).text
    assert reading.member(me.id, viewer=me).profile.location == "Kyiv"


def test_following_is_a_button(browser, grace, me):
    token = browser.csrf_token(f"/blog/member/{grace.id}")
    for path, number in (("follow", 1), ("follow", 1), ("unfollow", 0), ("unfollow", 0)):
        browser.post(f"/blog/member/{grace.id}/{path}", data={"csrf_token": token})
        assert db.session.query(Follow).count() == number
    assert browser.get(f"/blog/member/{grace.id}/follow").status_code == 405


def test_nobody_follows_themselves(browser, me):
    with pytest.raises(NotOneself):
        writing.follow(me, by=me)
    token = browser.csrf_token(f"/blog/member/{me.id}")
    browser.post(f"/blog/member/{me.id}/follow", data={"csrf_token": token})
    assert db.session.query(Follow).count() == 0


def test_followers_are_listed_by_keyset(browser, grace, me):
    for _ in range(60):
        make_follow(new_user(), grace)
    first = reading.followers(grace)
    rest = reading.followers(grace, before=first.before)
    assert (len(first.rows), len(rest.rows), rest.before) == (50, 10, None)
    assert "More members" in browser.get(f"/blog/member/{grace.id}/followers").text
    assert "Nobody here yet" in browser.get(f"/blog/member/{grace.id}/following").text


def test_the_page_of_a_user_in_the_admin_says_what_they_wrote(client, admin, grace):
    make_comment(make_post(grace), grace)
    client.enter(admin)
    assert "1 post, 1 comment" in client.get(f"/admin/user/{grace.id}").text


def test_erasing_a_user_takes_all_of_theirs(app, grace, me):
    """Foreign keys erase posts, comments, followers and the profile with the user."""
    theirs, mine = make_post(grace), make_post(me)
    make_comment(theirs, me)
    make_comment(mine, grace)
    make_follow(me, grace)
    make_follow(grace, me)
    writing.edit_profile(location="", about="Me", by=grace)
    grace.deleted_at = now()
    db.session.commit()
    assert counts() == [2, 2, 2, 1], "A deleted user can be restored, so their rows stay."
    grace.deleted_at = now() - timedelta(days=app.config.get("RESTORE_DELETED_DAYS", 30) + 1)
    db.session.commit()
    user_id = grace.id
    erase(app)
    db.session.expire_all()
    assert db.session.get(User, user_id) is None
    assert counts() == [0, 0, 1, 0]
    assert db.session.scalars(select(Post)).one().author_id == me.id


def erase(app):
    """Run the nightly task that erases users, or what it does where the feature is off."""
    from app.kit.queue import TASKS

    purge = next((task for name, task in TASKS.items() if "purge" in name), None)
    if purge:
        purge.function()
    else:
        db.session.execute(User.__table__.delete().where(User.deleted_at.is_not(None)))
        db.session.commit()


def test_made_up_posts_are_added(app, grace, me):
    result = app.test_cli_runner().invoke(args=["add_fake_posts", "-n", "5", "--seed", "1"])
    assert "Added 5 posts" in result.output
    assert db.session.query(Post).count() == 5
    assert db.session.query(Follow).count() == 2
    fake_posts.add(1, seed=1)
    assert db.session.query(MemberProfile).count() == 2
