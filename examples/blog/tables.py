"""The list of comments for moderators."""

from app.features.blog.models import Comment, CommentState
from app.features.blog.reading import comments_by_state
from app.kit.tables import Choice, Column, RowAction, Table
from app.kit.web.times import ago
from app.models import User

SHORT = 160  # characters of a comment in the list


def _excerpt(body: str) -> str:
    line = " ".join(body.split())
    return line if len(line) <= SHORT else f"{line[:SHORT].rpartition(' ')[0] or line[:SHORT]} …"


comments = Table(
    model=Comment,
    title="Comments",
    lead="Members' comments on posts. Approve those that wait, and hide those that do harm.",
    nouns=("comment", "comments"),
    endpoint="admin.comments",
    columns=[
        Column("body", "Comment", show=_excerpt, main=True, link="admin.comment", sort=[]),
        Column(
            "author",
            "Author",
            value=lambda comment: comment.author.full_name() or comment.author.email,
            sort=[User.last_name, User.first_name],
        ),
        Column("state", "State", badge=True),
        Column("created_at", "Written", show=ago),
    ],
    search=["body"],
    filters=[Choice("state", choices=CommentState, is_tabs=True, counts=comments_by_state)],
    order="-created_at",
    row_actions=[
        RowAction(
            "Approve", "admin.approve_comment", "check2", is_posted=True,
            is_offered=lambda comment: not comment.is_shown,
        ),
        RowAction(
            "Hide", "admin.hide_comment", "eye-slash", is_posted=True,
            is_offered=lambda comment: comment.state != CommentState.HIDDEN,
        ),
        RowAction("Delete", "blog.delete_comment", danger=True),
    ],
    empty=("chat-dots", "No comments yet", "Comments on posts appear here."),
)  # fmt: skip
