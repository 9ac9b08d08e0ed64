"""Create posts, comments, followers and profiles"""

import sqlalchemy as sa
from alembic import op

revision = "blog_0001"
down_revision = None
branch_labels = ("blog",)
depends_on = "core_0001"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "blog_posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("edited_at", TIME, nullable=True),
        to_user("blog_posts", "author_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blog_posts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blog_posts_author", "blog_posts", ["author_id", "id"])
    op.create_table(
        "blog_comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"],
            ["blog_posts.id"],
            op.f("fk_blog_comments_post_id_blog_posts"),
            ondelete="CASCADE",
        ),
        to_user("blog_comments", "author_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blog_comments")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blog_comments_post", "blog_comments", ["post_id", "id"])
    op.create_index("ix_blog_comments_author", "blog_comments", ["author_id"])
    op.create_index("ix_blog_comments_state", "blog_comments", ["state", "id"])
    op.create_table(
        "blog_follows",
        sa.Column("follower_id", sa.Integer(), nullable=False),
        sa.Column("followed_id", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("follower_id <> followed_id", op.f("ck_blog_follows_not_oneself")),
        to_user("blog_follows", "follower_id"),
        to_user("blog_follows", "followed_id"),
        sa.PrimaryKeyConstraint("follower_id", "followed_id", name=op.f("pk_blog_follows")),
    )
    op.create_index("ix_blog_follows_followed", "blog_follows", ["followed_id", "follower_id"])
    op.create_table(
        "blog_profiles",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(64), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        to_user("blog_profiles", "user_id"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_blog_profiles")),
    )


def downgrade() -> None:
    for table in ("blog_profiles", "blog_follows", "blog_comments", "blog_posts"):
        op.drop_table(table)


def to_user(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_users")
    return sa.ForeignKeyConstraint([column], ["users.id"], name, ondelete="CASCADE")
