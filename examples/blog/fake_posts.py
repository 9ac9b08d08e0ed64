"""Make up posts, comments, followers and profiles of present users, for development."""

from datetime import timedelta
from random import Random

from faker import Faker
from sqlalchemy import select

from app.extensions import db
from app.features.blog.models import Comment, CommentState, Follow, MemberProfile, Post
from app.features.blog.reading import is_member
from app.kit.database import now
from app.models import User

MEMBERS = 50
FOLLOWED = 8


def add(number: int, *, seed: int | None = None) -> int:
    """Add posts of up to 50 users, oldest first, and return their number."""
    random, fake = Random(seed), Faker()  # noqa: S311 - made-up posts, not secrets
    fake.seed_instance(seed)
    ids = list(db.session.scalars(select(User.id).where(is_member()).limit(MEMBERS)))
    if not ids:
        return 0
    _add_members(ids, random, fake)
    at = now() - timedelta(days=60)
    step = timedelta(days=60) / (number + 1)
    for _ in range(number):
        at += step
        post = Post(author_id=random.choice(ids), body=_text(random, fake), created_at=at)
        db.session.add(post)
        db.session.flush()
        for _ in range(random.randrange(4)):
            state = random.choices(list(CommentState), weights=(1, 8, 1))[0]
            author, body = random.choice(ids), fake.sentence(12)
            moment = at + step * random.random()
            comment = Comment(post_id=post.id, author_id=author, body=body, state=state)
            comment.created_at = moment
            db.session.add(comment)
    db.session.commit()
    return number


def _add_members(ids: list[int], random: Random, fake: Faker) -> None:
    known = set(db.session.scalars(select(MemberProfile.user_id)))
    found = db.session.execute(select(Follow.follower_id, Follow.followed_id))
    pairs = {(row.follower_id, row.followed_id) for row in found}
    for user_id in ids:
        if user_id not in known:
            about = f"{fake.job()}. {fake.sentence(10)}"
            db.session.add(MemberProfile(user_id=user_id, location=fake.city(), about=about))
        for other in random.sample(ids, min(FOLLOWED, len(ids))):
            if other != user_id and (user_id, other) not in pairs:
                db.session.add(Follow(follower_id=user_id, followed_id=other))


def _text(random: Random, fake: Faker) -> str:
    parts = [fake.paragraph(random.randrange(2, 6)) for _ in range(random.choice((1, 1, 2, 3)))]
    extra = (
        f"- {fake.sentence(5)}\n- {fake.sentence(6)}\n- {fake.sentence(4)}",
        f"> {fake.sentence(12)}",
        f"**{fake.sentence(4)}** {fake.sentence(8)} [{fake.word()}](https://example.com)",
        f"```\n{fake.word()} = {fake.word()}({random.randrange(100)})\n```",
    )
    return "\n\n".join([*parts, *random.sample(extra, random.choice((0, 0, 1)))])
