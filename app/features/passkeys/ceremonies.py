"""The two ceremonies of WebAuthn: a browser makes a passkey, or signs with one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.features.passkeys.challenges import SECONDS, NotVerified
from app.features.passkeys.models import LONGEST_ID, Passkey
from app.features.passkeys.places import Place

LONGEST_ANSWER = 20_000  # characters

Found = TypeVar("Found")


class Malformed(Exception):
    """Raised if an answer is not what any browser sends."""


# Options, with which the page calls the browser


def options_to_make(
    place: Place, challenge: bytes, *, site: str, email: str, handle: bytes, has: Iterable[Passkey]
) -> dict[str, Any]:
    """Return the options for a new passkey, which the browser finds without an email address."""
    options = webauthn.generate_registration_options(
        rp_id=place.domain,
        rp_name=site,
        user_id=handle,
        user_name=email,
        challenge=challenge,
        timeout=SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(has),
    )
    return options_to_json_dict(options)


def options_to_sign(
    place: Place, challenge: bytes, *, has: Iterable[Passkey], is_alone: bool
) -> dict[str, Any]:
    """Return the options to sign with a passkey of `has`, or with any that the browser knows.

    Without a password before it, `is_alone`, the authenticator verifies the user.
    """
    required, preferred = (
        UserVerificationRequirement.REQUIRED,
        UserVerificationRequirement.PREFERRED,
    )
    options = webauthn.generate_authentication_options(
        rp_id=place.domain,
        challenge=challenge,
        timeout=SECONDS * 1000,
        allow_credentials=_described(has),
        user_verification=required if is_alone else preferred,
    )
    return options_to_json_dict(options)


def _described(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=one.credential_id,
            transports=[AuthenticatorTransport(name) for name in one.transports.split(",") if name],
        )
        for one in passkeys
    ]


# Answers, as PublicKeyCredential.toJSON writes them


def read_new(text: str) -> RegistrationCredential:
    """Read the answer with a new passkey. Raises Malformed."""
    answer = _read(text, parse_registration_credential_json)
    if not 0 < len(answer.raw_id) <= LONGEST_ID:
        raise Malformed
    return answer


def read_signed(text: str) -> AuthenticationCredential:
    """Read the answer that a passkey has signed. Raises Malformed."""
    return _read(text, parse_authentication_credential_json)


def _read(text: str, parse: Callable[[dict[str, Any]], Found]) -> Found:
    if len(text) > LONGEST_ANSWER:
        raise Malformed
    try:
        return parse(json.loads(text))
    except Exception as error:  # Deep brackets and odd base64 raise errors of many kinds.
        raise Malformed from error


def challenge_of(answer: RegistrationCredential | AuthenticationCredential) -> bytes:
    """Return the challenge that an answer is for. Raises Malformed."""
    try:
        return parse_client_data_json(answer.response.client_data_json).challenge
    except Exception as error:
        raise Malformed from error


def _refuse_foreign_frame(answer: RegistrationCredential | AuthenticationCredential) -> None:
    """Raise NotVerified for an answer from a frame in a page of another site.

    The library lets it pass. No page of the app may be framed (WebAuthn Level 3, 7.1 and 7.2).
    """
    if parse_client_data_json(answer.response.client_data_json).cross_origin:
        raise NotVerified


def verify_new(
    answer: RegistrationCredential, challenge: bytes, place: Place
) -> VerifiedRegistration:
    """Check the answer with a new passkey. Raises NotVerified."""
    _refuse_foreign_frame(answer)
    try:
        return webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=place.domain,
            expected_origin=place.origin,
            require_user_verification=True,
        )
    except Exception as error:  # The library lets errors of its parsers pass.
        raise NotVerified from error


def verify_signed(
    answer: AuthenticationCredential,
    challenge: bytes,
    place: Place,
    *,
    public_key: bytes,
    is_alone: bool,
) -> VerifiedAuthentication:
    """Check the signature of a passkey, but not its counter. Raises NotVerified."""
    _refuse_foreign_frame(answer)
    try:
        return webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=place.domain,
            expected_origin=place.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=is_alone,
        )
    except Exception as error:
        raise NotVerified from error
