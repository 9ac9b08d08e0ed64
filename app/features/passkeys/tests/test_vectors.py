"""The test vectors of WebAuthn Level 3 pass our services, unless our rules are stricter."""

import cbor2
import pytest

from app.extensions import db
from app.features.passkeys import challenges, services, signing
from app.features.passkeys.challenges import NotVerified, Purpose
from app.features.passkeys.models import Passkey
from app.features.passkeys.places import Place
from app.features.passkeys.tests.authenticator import encoded
from app.features.passkeys.tests.vectors import DOMAIN, FRAMED, ORIGIN, PRINTED, Vector

PLACE = Place(DOMAIN, ORIGIN)
VERIFIES_ITS_USER = {"packed-self.ES256", "none.ES256.crossOrigin"}  # when it is made


@pytest.fixture(params=PRINTED)
def vector(request, monkeypatch):
    """Return a vector, whose challenges count as those that we have issued."""
    vector = Vector(request.param)

    def nonce_of(challenge, *_bound):
        if challenge not in (vector.challenge, vector.challenge_to_sign):
            raise NotVerified
        return challenge.hex()[:32]

    monkeypatch.setattr(challenges, "nonce_of", nonce_of)
    return vector


def add(user, vector):
    return services.add(user, vector.made, name="Key", place=PLACE, binding="x")


def give(user, vector):
    db.session.add(
        Passkey(
            user_id=user.id,
            credential_id=vector.credential_id,
            public_key=vector.public_key,
            sign_count=0,
            aaguid="",
            is_backup_eligible=vector.is_eligible,
            is_backed_up=False,
            name="Key",
        )
    )
    db.session.commit()


def sign(user, vector, text=None):
    purpose = Purpose.SECOND_STEP  # a security key need not verify its user here
    return signing.use(purpose, text or vector.signed, place=PLACE, binding="x", user=user)


def test_the_vector_is_the_one_that_the_specification_prints(vector):
    assert vector.hashes == PRINTED[vector.name]


def test_a_vector_registers(vector, make_user):
    """Our pages are in no frame of another site, and a passkey verifies its user."""
    user = make_user()
    if vector.name in FRAMED or vector.name not in VERIFIES_ITS_USER:
        with pytest.raises(NotVerified):
            add(user, vector)
        assert not services.has_any(user)
        return
    passkey = add(user, vector)
    assert passkey.credential_id == vector.credential_id
    assert cbor2.loads(passkey.public_key) == cbor2.loads(vector.public_key)
    assert passkey.is_backed_up
    assert sign(user, vector) is user


def test_a_vector_signs(vector, make_user):
    user = make_user()
    give(user, vector)
    if vector.name in FRAMED:
        with pytest.raises(NotVerified):
            sign(user, vector)
        return
    assert sign(user, vector) is user


def test_a_vector_with_another_signature_is_refused(vector, make_user):
    user = make_user()
    give(user, vector)
    other = Vector("none.ES256" if vector.name != "none.ES256" else "packed-self.ES256")
    forged = vector.signed.replace(encoded(vector.signature), encoded(other.signature))
    with pytest.raises(NotVerified):
        sign(user, vector, forged)
