"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.extensions import db
from app.features.blog.models import Comment, CommentState, Follow, Post
from app.models import Permission
from tests.routes import CONFIRMED
from tests.world import HOSTILE as TEXT
from tests.world import as_user

ACCESS = {
    "blog.index": CONFIRMED,
    "blog.write": CONFIRMED,
    "blog.post": CONFIRMED,
    "blog.edit_post": CONFIRMED,
    "blog.delete_post": CONFIRMED,
    "blog.write_comment": CONFIRMED,
    "blog.delete_comment": CONFIRMED,
    "blog.member": CONFIRMED,
    "blog.followers": CONFIRMED,
    "blog.following": CONFIRMED,
    "blog.follow": CONFIRMED,
    "blog.unfollow": CONFIRMED,
    "blog.edit_profile": CONFIRMED,
    "admin.comments": Permission.MODERATE_COMMENTS,
    "admin.comment": Permission.MODERATE_COMMENTS,
    "admin.approve_comment": Permission.MODERATE_COMMENTS,
    "admin.hide_comment": Permission.MODERATE_COMMENTS,
}


def make_post(author, body="Hello, *members*."):
    post = Post(author_id=author.id, body=body)
    db.session.add(post)
    db.session.commit()
    return post


def make_comment(post, author, body="Well said.", state=CommentState.SHOWN):
    comment = Comment(post_id=post.id, author_id=author.id, body=body, state=state)
    db.session.add(comment)
    db.session.commit()
    return comment


def make_follow(follower, followed):
    db.session.add(Follow(follower_id=follower.id, followed_id=followed.id))
    db.session.commit()


def on_post(path, **data):
    """Return a function that sends a form about a post of the user."""

    def send(world):
        author, browser = world.as_user()
        return world.send(browser, f"/blog/post/{make_post(author).id}/{path}", **data)

    return send


def on_comment(path, state=CommentState.SHOWN):
    """Return a function that sends a form about a comment, as an administrator."""

    def send(world):
        author = world.make_user()
        comment = make_comment(make_post(author), author, state=state)
        return world.send(world.browser, path.format(id=comment.id), form_at="/admin/comments")

    return send


def on_member(path, *, is_followed=False):
    """Return a function that sends a form about another member."""

    def send(world):
        user, browser = world.as_user()
        other = world.make_user()
        if is_followed:
            make_follow(user, other)
        return world.send(browser, f"/blog/member/{other.id}/{path}", form_at="/")

    return send


EVENTS = {
    "blog.write": ("post.written", as_user("/blog/write", body="Hello")),
    "blog.edit_post": ("post.edited", on_post("edit", body="Hello again")),
    "blog.delete_post": ("post.deleted", on_post("delete", submit="1")),
    "blog.write_comment": ("comment.written", on_post("comment", body="Well said")),
    "blog.delete_comment": ("comment.deleted", on_comment("/blog/comment/{id}/delete")),
    "blog.follow": ("member.followed", on_member("follow")),
    "blog.unfollow": ("member.unfollowed", on_member("unfollow", is_followed=True)),
    "blog.edit_profile": ("member.profile_edited", as_user("/blog/profile", about="A cook.")),
    "admin.approve_comment": (
        "comment.approved",
        on_comment("/admin/comments/{id}/approve", CommentState.WAITING),
    ),
    "admin.hide_comment": ("comment.hidden", on_comment("/admin/comments/{id}/hide")),
}
SHARED = {
    "author_id": "members see the pages of all members",
    "post_id": "members see the posts of all members",
    "comment_id": "members see comments, and moderators all of them",
}


def hostile_post(world):
    author = world.make_user(first_name=TEXT)
    post = make_post(author, TEXT)
    make_comment(post, author, TEXT)
    return post


def hostile_comment(world):
    author = world.make_user(first_name=TEXT)
    return make_comment(make_post(author, TEXT), author, TEXT)


HOSTILE = {
    "author_id": lambda world: [hostile_post(world).author_id],
    "post_id": lambda world: [hostile_post(world).id],
    "comment_id": lambda world: [hostile_comment(world).id],
}
FIELDS = {"/blog/write": ("body",), "/blog/profile": ("location", "about")}
CARDS = {Permission.MODERATE_COMMENTS: "None wait for a moderator"}
MENU = {Permission.MODERATE_COMMENTS: "/admin/comments"}
