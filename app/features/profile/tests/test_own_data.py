"""The profile and the picture are part of the data that a user downloads."""

from app.features.profile.services import profiles
from app.features.profile.tests.access import give_picture
from app.kit import slots, storage


def test_profile_and_picture_are_contributed(make_user):
    user = make_user()
    assert "profile" not in dict(slots.data_of(user))
    profiles.change(user, {"about": "I write."}, by=user)
    give_picture(user)
    assert dict(slots.data_of(user))["profile"]["about"] == "I write."
    ((name, key),) = slots.files_of(user)
    assert name == "picture.webp"
    with storage.open_key(key) as file:
        assert file.read(4) == b"RIFF"
