"""An authenticator in software, which answers as a browser does."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN, DOMAIN = "http://localhost", "localhost"
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, NEW = 0x01, 0x04, 0x08, 0x10, 0x40


def encoded(data):
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text):
    return urlsafe_b64decode(text + "==")


class Authenticator:
    """One passkey. `count` is its counter, and `flags` what it says about the user and backups."""

    def __init__(self, *, count=0, flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.count, self.flags = count, flags
        self.handle = b""

    @property
    def public_key(self):
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32) for number in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def make(self, options, *, origin=ORIGIN, domain=DOMAIN):
        """Return the answer to the options for a new passkey."""
        self.handle = decoded(options["user"]["id"])
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id
        data = self._data(domain, NEW) + attested + self.public_key
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, origin)
        response = {"attestationObject": encoded(attestation), "transports": ["internal", "hybrid"]}
        return self._answer(client, response)

    def sign(self, options, *, origin=ORIGIN, domain=DOMAIN):
        """Return the answer to the options to sign."""
        client, data = self._client("webauthn.get", options, origin), self._data(domain)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "authenticatorData": encoded(data),
            "signature": encoded(signature),
            "userHandle": encoded(self.handle),
        }
        return self._answer(client, response)

    def _data(self, domain, flags=0):
        hashed = hashlib.sha256(domain.encode()).digest()
        return hashed + struct.pack(">BI", self.flags | flags, self.count)

    def _client(self, kind, options, origin):
        client = {"type": kind, "challenge": options["challenge"], "origin": origin}
        return json.dumps(client | {"crossOrigin": False}).encode()

    def _answer(self, client, response):
        name = encoded(self.credential_id)
        response = {"clientDataJSON": encoded(client), **response}
        return {"id": name, "rawId": name, "type": "public-key", "response": response}
