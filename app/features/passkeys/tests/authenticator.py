"""An authenticator in software, which answers as a browser does."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN, DOMAIN = "http://localhost", "localhost"
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, NEW = 0x01, 0x04, 0x08, 0x10, 0x40


def encoded(data):
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text):
    return urlsafe_b64decode(text + "==")


class Authenticator:
    """One passkey. `count` is its counter, and `flags` what it says about the user and backups."""

    def __init__(self, *, count=0, flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP, key=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.count, self.flags = count, flags
        self.handle = b""

    @property
    def public_key(self):
        """Return the public key in the format of COSE (RFC 9053)."""
        public = self.key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()})
        numbers = public.public_numbers()
        if isinstance(public, rsa.RSAPublicKey):
            n, e = numbers.n.to_bytes(256), numbers.e.to_bytes(3)
            return cbor2.dumps({1: 3, 3: -257, -1: n, -2: e})
        x, y = (number.to_bytes(32) for number in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _signature(self, data):
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), SHA256())
        return self.key.sign(data, ec.ECDSA(SHA256()))

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
        signature = self._signature(data + hashlib.sha256(client).digest())
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
