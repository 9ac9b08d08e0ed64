"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from io import BytesIO

from app.features.profile.services import pictures
from app.features.profile.services.images import Crop
from app.features.profile.tests.files import GOOD
from app.models import Permission
from tests.routes import ANYONE, CONFIRMED
from tests.world import elsewhere

ACCESS = {
    "account.change_picture": CONFIRMED,
    "account.remove_picture": CONFIRMED,
    "admin.remove_user_picture": Permission.MANAGE_USERS,
    "main.picture": ANYONE,
}

OPEN_TO_UNCONFIRMED = {"main.picture": "the menu of these users shows their picture"}


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


EVENTS = {
    "account.change_picture": ("user.picture_changed", change_picture),
    "account.remove_picture": ("user.picture_removed", remove_picture),
    "admin.remove_user_picture": ("user.picture_removed", remove_user_picture),
}
SHARED = {
    "picture": "the name is random, and users see the pictures of all users",
    "size": "each picture has three sizes",
}
HOSTILE = {"picture": elsewhere, "size": elsewhere}
FIELDS = {"/account/manage/picture": ("crop",)}
