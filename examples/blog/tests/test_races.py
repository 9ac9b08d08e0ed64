"""Two requests at the same moment."""

from app.extensions import db
from app.features.blog import writing
from app.features.blog.models import Comment, Follow, MemberProfile, Post
from app.features.blog.tests.access import make_post
from app.features.blog.writing import Gone
from app.models import AuditEvent, User
from tests.factories import make_user

ROUNDS = 5


def acting(service, user_id, by_id):
    return lambda: service(db.session.get(User, user_id), by=db.session.get(User, by_id))


def test_two_who_follow_at_once_leave_one_row_and_one_event(race):
    for _ in range(ROUNDS):
        follower, followed = make_user().id, make_user().id
        assert race(*[acting(writing.follow, followed, follower)] * 3) == [None] * 3
        rows = db.session.query(Follow).filter_by(follower_id=follower)
        assert rows.count() == 1
        events = db.session.query(AuditEvent).filter_by(action="member.followed")
        assert events.filter_by(actor_id=follower).count() == 1


def test_following_and_unfollowing_at_once_is_no_error(race):
    follower, followed = make_user().id, make_user().id
    for _ in range(ROUNDS):
        both = [
            acting(writing.follow, followed, follower),
            acting(writing.unfollow, followed, follower),
        ]
        assert race(*both * 2) == [None] * 4
        assert db.session.query(Follow).count() in {0, 1}
        db.session.rollback()


def test_a_first_profile_is_saved_twice(race):
    user = make_user().id

    def save():
        by = db.session.get(User, user)
        writing.edit_profile(location="Here", about="Me", by=by)

    assert race(save, save) == [None, None]
    assert db.session.query(MemberProfile).filter_by(user_id=user).count() == 1


def test_a_comment_on_a_post_that_is_being_deleted(race):
    for _ in range(ROUNDS):
        author = make_user()
        post, author_id = make_post(author).id, author.id

        def comment(post=post, author_id=author_id):
            by = db.session.get(User, author_id)
            writing.write_comment(Post(id=post, author_id=author_id), body="x", by=by)

        def delete(post=post, author_id=author_id):
            by = db.session.get(User, author_id)
            writing.delete_post(db.session.get(Post, post), by=by)

        written, deleted = race(comment, delete)
        assert deleted is None
        assert written is None or isinstance(written, Gone)
        assert db.session.query(Comment).count() == 0
        db.session.rollback()
