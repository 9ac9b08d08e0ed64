"""Derive the test vectors of WebAuthn Level 3 (section 16, "Test Vectors").

The specification derives each random value by HKDF-SHA-256 from one text, a counter as the salt and
the name of the vector, and signs with the nonce of RFC 6979. So nothing of it is copied here but
hashes, which prove that the derived values are those that it prints.
"""

import hashlib
import json
from itertools import count

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.features.passkeys.tests.authenticator import (
    BACKED_UP,
    ELIGIBLE,
    NEW,
    PRESENT,
    VERIFIED,
    Authenticator,
    encoded,
)

DOMAIN, ORIGIN = "example.org", "https://example.org"
EXTRA = "clientDataJSON may be extended with additional fields in the future, such as this: "
# The first 16 digits of the SHA-256 of the attestation object and of the signature, as printed.
PRINTED = {
    "none.ES256": ("c0aa49c57f59765c", "e6b84e03104e4fc5"),
    "packed-self.ES256": ("69499bf5257be4e6", "3d937eef718b4b20"),
    "none.ES256.crossOrigin": ("967a55ac8209a99f", "f5cddf0485f53ec4"),
    "none.ES256.topOrigin": ("e88a736a22ffaf29", "62363fd190f6effa"),
    "none.ES256.long-credential-id": ("c70087bde55d1a82", "8a535737a4226720"),
}
FRAMED = {
    "none.ES256.crossOrigin": {"crossOrigin": True},
    "none.ES256.topOrigin": {"crossOrigin": True, "topOrigin": "https://example.com"},
}


class Vector:
    """One credential: the answer that registers it, and one that it signs."""

    def __init__(self, name):
        self.name, self._salts = name, count()
        self.challenge = self._random(32)
        self._key = ec.derive_private_key(int.from_bytes(self._random(32)), ec.SECP256R1())
        client = self._client("webauthn.create", self.challenge)
        aaguid = self._random(16)
        self.credential_id = self._credential_id()
        self._given = self._random(1)[0]
        head = aaguid + len(self.credential_id).to_bytes(2) + self.credential_id
        data = self._data(NEW) + head + self.public_key
        self.attestation = self._attested(data, client)
        self.made = self._answer(clientDataJSON=client, attestationObject=self.attestation)
        self.challenge_to_sign = self._random(32)
        client = self._client("webauthn.get", self.challenge_to_sign)
        self.is_eligible = bool(self._given & ELIGIBLE)
        self._given = self._random(1)[0] & ~ELIGIBLE | self.is_eligible * ELIGIBLE
        data = self._data()
        self.signature = self._sign(data, client)
        signed = {"clientDataJSON": client, "authenticatorData": data, "signature": self.signature}
        self.signed = self._answer(**signed)

    @property
    def public_key(self):
        return Authenticator(key=self._key).public_key

    @property
    def hashes(self):
        return tuple(
            hashlib.sha256(one).hexdigest()[:16] for one in (self.attestation, self.signature)
        )

    def _random(self, length):
        salt = bytes([next(self._salts)])
        derive = HKDF(SHA256(), length, salt, self.name.encode())
        return derive.derive(b"WebAuthn test vectors")

    def _credential_id(self):
        return self._random(1023 if self.name.endswith("long-credential-id") else 32)

    def _client(self, kind, challenge):
        fields = {"type": kind, "challenge": encoded(challenge), "origin": ORIGIN}
        fields |= FRAMED.get(self.name, {"crossOrigin": False})
        if self._random(1)[0] & 1:
            fields["extraData"] = EXTRA + encoded(self._random(16))
        return json.dumps(fields, separators=(",", ":")).encode()

    def _data(self, flags=0):
        flags |= PRESENT | self._given & (VERIFIED | ELIGIBLE)
        flags |= self._given & BACKED_UP if flags & ELIGIBLE else 0
        return hashlib.sha256(DOMAIN.encode()).digest() + bytes([flags]) + bytes(4)

    def _attested(self, data, client):
        kind, statement = "none", {}
        if self.name.startswith("packed-self"):
            kind, statement = "packed", {"alg": -7, "sig": self._sign(data, client)}
        return cbor2.dumps({"fmt": kind, "attStmt": statement, "authData": data})

    def _sign(self, data, client):
        rule = ec.ECDSA(SHA256(), deterministic_signing=True)
        return self._key.sign(data + hashlib.sha256(client).digest(), rule)

    def _answer(self, **response):
        name = encoded(self.credential_id)
        response = {key: encoded(value) for key, value in response.items()}
        made = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps(made | {"clientExtensionResults": {}})
