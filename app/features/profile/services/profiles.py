"""Change the facts that users show of themselves, and find members with a page."""

from __future__ import annotations

from collections.abc import Mapping

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import joinedload, undefer

from app.extensions import db
from app.features.profile.models import Profile
from app.features.profile.services import pictures
from app.kit import audit
from app.models import User
from app.services import policy

FACTS = ("display_name", "about", "location", "website", "time_zone", "date_format", "is_public")


def of(user: User) -> Profile:
    """Return the profile of a user, an empty one that is not stored if they have none."""
    return db.session.get(Profile, user.id, options=[undefer(Profile.about)]) or Profile(
        **dict.fromkeys(FACTS[:-1], ""), is_public=False
    )


def change(user: User, facts: Mapping[str, str | bool], *, by: User) -> bool:
    """Change the profile of `user`, and return whether something is new.

    The event names the facts that changed. It holds none of them, because erasing the user would
    not find them there.
    """
    policy.lock(user, by=by)
    profile = pictures.of(user)
    db.session.flush()
    changed = [name for name in FACTS if name in facts and getattr(profile, name) != facts[name]]
    for name in changed:
        setattr(profile, name, facts[name])
    if changed:
        audit.record("user.profile_changed", by=by, subject=user, facts=", ".join(changed))
    db.session.commit()
    return bool(changed)


def member(user_id: int) -> Profile | None:
    """Return the profile of a user who shows a page of themselves, or None."""
    if not current_app.config["MEMBER_PAGES"]:
        return None
    query = select(Profile).join(Profile.user).where(Profile.user_id == user_id)
    shown = query.where(Profile.is_public, User.is_active, User.confirmed)
    return db.session.scalar(shown.options(joinedload(Profile.user), undefer(Profile.about)))
