"""An OpenID Connect provider on Authlib's server, which also plays GitHub and Microsoft.

Run it as a script with a port. It honours PKCE, codes that work once, and the secret of its client.
POST /control sets how it behaves, which may be hostile. GET /control returns what it was asked.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, redirect, request
from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 0
ISSUER = f"http://127.0.0.1:{PORT}"
CLIENT, SECRET = "the client", "a secret/of:the client"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
NEW_KEY = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})

app = Flask(__name__)
behaviour: dict[str, Any] = {}
asked: list[dict[str, Any]] = []


class Client(ClientMixin):
    """The only client of this provider. It may be sent back to any URL of this machine."""

    client_id = CLIENT

    def get_client_id(self):
        return CLIENT

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri.startswith("http://localhost")

    def check_client_secret(self, client_secret):
        # Authlib's server does not decode the parts of the header (RFC 6749, section 2.3.1).
        return client_secret in {SECRET, "a%20secret%2Fof%3Athe%20client"}

    def check_endpoint_auth_method(self, method, endpoint):
        return method == behaviour.get("auth_method", "client_secret_basic")

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):
    """A code that was given to a browser."""

    code: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return self.auth_time


codes: dict[str, Code] = {}


class Grant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code, request):
        data = request.payload.data
        names = ("redirect_uri", "code_challenge", "code_challenge_method")
        values = {name: data.get(name, "") for name in names}
        codes[code] = Code(code=code, scope=request.scope, nonce=data.get("nonce", ""), **values)

    def query_authorization_code(self, code, client):
        return codes.get(code)

    def delete_authorization_code(self, authorization_code):
        del codes[authorization_code.code]

    def authenticate_user(self, authorization_code):
        return "the user"


class Tokens(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return any(one.nonce == nonce for one in codes.values())

    def encode_id_token(self, token, request):
        """Sign the claims, or do what a hostile provider does."""
        at = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": "1234",
            "iat": at,
            "exp": at + 300,
            "auth_time": at,
            "nonce": request.authorization_code.nonce,
            **behaviour.get("claims", {"email": "ada@example.com", "email_verified": True}),
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return sign(claims, behaviour.get("sign", "RS256"))


def sign_by_secret(claims, secret, **header):
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", **header}, claims))
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    digest = hmac.digest(secret, text, "sha256")
    return b".".join([text, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()


def sign(claims, how):
    if how == "none":
        return jwt.encode({"alg": "none"}, claims, None, ["none"])
    if how == "HS256 by the public key":
        return sign_by_secret(claims, KEY.as_pem(private=False), kid="first")
    if how == "HS256 by the secret":
        return sign_by_secret(claims, SECRET.encode())
    key = {"another key": OTHER_KEY, "new key": NEW_KEY}.get(how, KEY)
    header = {"alg": "RS256", "kid": key.kid}
    return jws.serialize_compact(header, json.dumps(claims), key, ["RS256"])


class Issuer(IssuerParameter):
    def get_issuer(self):
        return behaviour.get("iss", ISSUER)


app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = True
server = AuthorizationServer(app, query_client=lambda _: Client(), save_token=lambda *_: None)
server.register_grant(Grant, [CodeChallenge(required=True), Tokens()])
server.register_extension(Issuer())


@app.before_request
def misbehave():
    """Do at one path what a broken or hostile server does, and note what is asked elsewhere."""
    if request.path == "/control":
        return None
    values = {"args": dict(request.args), "form": dict(request.form)}
    headers = {"authorization": request.headers.get("Authorization", "")}
    asked.append({"path": request.path, **values, **headers})
    kind = behaviour.get("at", {}).get(request.path)
    if kind is None:
        return None
    if kind == "redirect":
        return redirect(f"http://localhost:{PORT}/elsewhere")
    bodies = {
        "slow": drip(),
        "huge": "[" + "1," * 1_000_000 + "1]",
        "deep": "[" * 100_000,
        "page": "<h1>Sign in to the network</h1>",
    }
    body = bodies.get(kind, "{}") if isinstance(kind, str | int) else json.dumps(kind)
    status = kind if isinstance(kind, int) else 200
    return Response(body, status=status, mimetype="application/json")


def drip():
    for _ in range(600):
        yield " "
        time.sleep(0.1)


@app.post("/control")
def control():
    behaviour.clear()
    behaviour.update(request.get_json())
    asked.clear()
    return "", 204


@app.get("/control")
def report():
    return jsonify(asked)


@app.get("/.well-known/openid-configuration", defaults={"tenant": ""})
@app.get("/<tenant>/v2.0/.well-known/openid-configuration")
def description(tenant):
    found = {
        "issuer": f"{ISSUER}/{{tenantid}}/v2.0" if tenant else ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": [
            behaviour.get("auth_method", "client_secret_basic")
        ],
        "authorization_response_iss_parameter_supported": not tenant,
    }
    return jsonify(found | behaviour.get("description", {}))


@app.get("/keys")
def keys():
    found = [{"kty": "unheard of", "kid": "third"}, KEY.as_dict(private=False)]
    if behaviour.get("sign") == "new key":
        found.append(NEW_KEY.as_dict(private=False))
    return jsonify(keys=[one | behaviour.get("key", {}) for one in found])


@app.get("/userinfo")
@app.get("/user", endpoint="user")
@app.get("/user/emails", endpoint="emails")
def facts():
    assert request.headers["Authorization"].startswith("Bearer ")
    return jsonify(behaviour[request.path])


@app.route("/authorize", methods=["GET", "POST"])
@app.route("/login/oauth/authorize", methods=["GET", "POST"], endpoint="authorize_at_github")
def authorize():
    grant = server.get_consent_grant(end_user="the user")
    user = "the user"
    if behaviour.get("asks") and request.method == "GET":
        return (
            "<!doctype html><title>Provider</title><h1>Sign in at the provider</h1>"
            "<form method=post><button name=do value=yes>Approve</button>"
            "<button name=do value=no>Deny</button></form>"
        )
    if behaviour.get("denies") or request.form.get("do") == "no":
        user = None
    answer = server.create_authorization_response(grant_user=user, grant=grant)
    for old, new in behaviour.get("replaces", {}).items():
        answer.location = answer.location.replace(old, new)
    return answer


@app.post("/token")
@app.post("/login/oauth/access_token", endpoint="token_of_github")
def token():
    if "token" in behaviour:
        return jsonify(behaviour["token"])
    return server.create_token_response()


if __name__ == "__main__":
    make_server("127.0.0.1", PORT, app, threaded=True).serve_forever()
