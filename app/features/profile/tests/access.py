"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from io import BytesIO

from app.features.profile.services import pictures, profiles
from app.features.profile.services.images import Crop
from app.features.profile.tests.files import GOOD
from app.models import Permission
from tests.routes import ANYONE, CONFIRMED
from tests.world import HOSTILE as TEXT
from tests.world import as_user, elsewhere

ACCESS = {
    "account.change_profile": CONFIRMED,
    "account.change_picture": CONFIRMED,
    "account.remove_picture": CONFIRMED,
    "admin.remove_user_picture": Permission.MANAGE_USERS,
    "main.picture": ANYONE,
    "main.member": ANYONE,
}

OPEN_TO = {
    "main.picture": "must_change_password unconfirmed",
    "main.member": "impersonating must_change_password unconfirmed",
    "account.change_profile": "impersonating",
    "account.change_picture": "impersonating",
    "account.remove_picture": "impersonating",
}
MARKS = {
    "main.picture": "explains_gate",
}

OPEN_TO_UNCONFIRMED = {
    "main.picture": "the menu of these users shows their picture",
    "main.member": "a public page",
}


def give_picture(user, name="png"):
    pictures.change(user, BytesIO(GOOD[name]), Crop(), by=user)
    return user


def change_picture(world):
    _, browser = world.as_user()
    upload = (BytesIO(GOOD["png"]), "me.png")
    return world.send(browser, "/account/manage/picture", picture=upload)


def remove_picture(world):
    user, browser = world.as_user()
    give_picture(user)
    return world.send(browser, "/account/manage/picture/remove", form_at="/account/manage/picture")


def remove_user_picture(world):
    user = give_picture(world.make_user())
    return world.send(world.browser, f"/admin/user/{user.id}/remove-picture")


def hostile_member(world):
    user = world.make_user(first_name=TEXT)
    facts = dict.fromkeys(("display_name", "about", "location", "website"), TEXT)
    profiles.change(user, facts | {"is_public": True}, by=user)
    return [user.id]


EVENTS = {
    "account.change_profile": (
        "user.profile_changed",
        as_user("/account/manage/profile", location="London", time_zone="Europe/London"),
    ),
    "account.change_picture": ("user.picture_changed", change_picture),
    "account.remove_picture": ("user.picture_removed", remove_picture),
    "admin.remove_user_picture": ("user.picture_removed", remove_user_picture),
}
SHARED = {
    "picture": "the name is random, and users see the pictures of all users",
    "size": "each picture has three sizes",
    "member_id": "the page of a member who has chosen to have one",
}
HOSTILE = {"picture": elsewhere, "size": elsewhere, "member_id": hostile_member}
FIELDS = {
    "/account/manage/picture": ("crop",),
    "/account/manage/profile": (
        *("display_name", "about", "location", "website", "time_zone", "date_format"),
        "is_public",
    ),
}
