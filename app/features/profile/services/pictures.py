"""Change and remove the pictures of users, and find them for pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, BinaryIO

from flask import current_app
from sqlalchemy import select

from app.extensions import db
from app.features.profile.models import PICTURE, Profile
from app.features.profile.services import images
from app.features.profile.services.images import Crop
from app.kit import audit, outages, storage
from app.models import User
from app.services import policy
from app.services.user_access import WrongState

ORIGIN = "https://gravatar.com"
PAUSE = 60  # seconds in which mails show no pictures after the bucket was away
BUCKET = "pictures in mails"


class PictureGone(WrongState):
    """The user has no picture, or has none any more."""


def change(user: User, stream: BinaryIO, crop: Crop, *, by: User) -> None:
    """Give `user` a picture. Raises BadPicture and storage.Away."""
    db.session.commit()  # nobody waits while the picture is decoded
    parts = images.squares(stream, crop)
    file = storage.save_parts(PICTURE, parts, content_type="image/webp")
    policy.lock(user, by=by)
    profile = of(user)
    before, profile.picture_id, profile.picture_name = profile.picture_id, file.id, file.name
    audit.record("user.picture_changed", by=by, subject=user)
    db.session.commit()
    _drop(before)


def remove(user: User, *, by: User) -> None:
    """Remove the picture of `user`. Raises InsufficientPrivileges and PictureGone."""
    policy.lock(user, by=by)
    policy.ensure_may_manage(by, user.role)
    profile = db.session.get(Profile, user.id)
    if profile is None or profile.picture_id is None:
        db.session.rollback()
        raise PictureGone
    before, profile.picture_id, profile.picture_name = profile.picture_id, None, ""
    audit.record("user.picture_removed", by=by, subject=user)
    db.session.commit()
    _drop(before)


def of(user: User) -> Profile:
    """Return the profile of a locked user, a new one if they have none."""
    profile = db.session.get(Profile, user.id)
    if profile is None:
        profile = Profile(user_id=user.id)
        db.session.add(profile)
    return profile


def jpeg_of(user: User) -> bytes:
    """Return the picture of a user for mails, or b"" if there is none or it cannot be read.

    After a failure, mails show no pictures for a while: a slow bucket would hold up each of them.
    """
    if outages.is_noted(BUCKET):
        return b""
    profile = user.profile  # A sample of a mail has a user without rows, and asks for none.
    if profile is None or not profile.picture_name:
        return b""
    try:
        with storage.open_key(f"{PICTURE}/{profile.picture_name}.64") as file:
            return images.as_jpeg(file.read())
    except storage.Away:
        outages.note(BUCKET, seconds=PAUSE)
    except (storage.Missing, OSError):
        pass
    return b""


def has_picture(user: User) -> bool:
    profile = db.session.get(Profile, user.id)
    return profile is not None and profile.picture_id is not None


def url_of(name: str) -> str:
    """Return the URL of a picture, with `{size}` for its width. It changes with the picture."""
    return f"/pictures/{name}/{{size}}.webp"


def find(ids: Collection[int], *, reader: Any) -> Mapping[int, str]:
    """Return the URLs of the pictures of users. That of the reader takes no query."""
    found, wanted = {}, set(ids)
    if reader.is_authenticated and reader.id in wanted:
        wanted.discard(reader.id)
        profile = reader.profile
        found[reader.id] = _url(profile.picture_name if profile else "", reader.email)
    if wanted and current_app.config["GRAVATAR"]:
        query = select(User.id, Profile.picture_name, User.email).outerjoin(
            Profile, Profile.user_id == User.id
        )
        rows = db.session.execute(query.where(User.id.in_(wanted)))
        found |= {user_id: _url(name or "", email) for user_id, name, email in rows}
    elif wanted:
        names = select(Profile.user_id, Profile.picture_name).where(Profile.user_id.in_(wanted))
        found |= {user_id: url_of(name) for user_id, name in db.session.execute(names) if name}
    return found


def readable(name: str, size: int, *, reader: Any) -> storage.StoredFile | None:
    """Return the file of a picture of `size` pixels, or None if there is none.

    Visitors who are not signed in see the pictures on the pages of members.
    """
    file = storage.by_name(PICTURE, name) if size in images.SIZES else None
    if file is None or reader.is_authenticated:
        return file
    owners = select(Profile.user_id).where(Profile.picture_id == file.id, Profile.is_public)
    is_shown = owners.join(Profile.user).where(User.is_active, User.confirmed)
    is_open = current_app.config["MEMBER_PAGES"] and db.session.scalar(is_shown)
    return file if is_open else None


def _url(name: str, email: str) -> str:
    if name:
        return url_of(name)
    if not current_app.config["GRAVATAR"]:
        return ""
    # Gravatar hashes the address in lower case.
    return f"{ORIGIN}/avatar/{sha256(email.lower().encode()).hexdigest()}?s={{size}}&d=mp"


def _drop(picture_id: int | None) -> None:
    file = db.session.get(storage.StoredFile, picture_id) if picture_id else None
    if file is not None:
        storage.drop([file])
