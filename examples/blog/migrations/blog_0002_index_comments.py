"""Index the words of comments for the list of moderators

A revision of its own: on PostgreSQL, building an index concurrently ends the transaction.
"""

from app.kit.database.search_index import create_search_index, drop_search_index

revision = "blog_0002"
down_revision = "blog_0001"
branch_labels = None
depends_on = None
NOT_IN_MODELS = ("blog_comments_search",)


def upgrade() -> None:
    create_search_index("blog_comments", ["body"])


def downgrade() -> None:
    drop_search_index("blog_comments")
