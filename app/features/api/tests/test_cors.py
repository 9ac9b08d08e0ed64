"""Pages of other origins use the API only if API_CORS_ORIGINS names them."""

import pytest

from config import ConfigurationError

ALLOWED = "https://app.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH"}


def test_an_origin_of_the_list_may_ask(production):
    client = production(API_CORS_ORIGINS=ALLOWED).test_client()
    headers = PREFLIGHT | {"Origin": ALLOWED}
    answer = client.options("/api/v1/me", headers=headers, base_url="https://app.example.com")
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    for path in ("/api/v1/openapi.json", "/api/nowhere"):
        answer = client.get(path, headers={"Origin": ALLOWED}, base_url="https://app.example.com")
        assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://app.example.org.evil.example", "null", "", "http://app.example.org"]
)
def test_other_origins_may_not(production, origin):
    client = production(API_CORS_ORIGINS=ALLOWED).test_client()
    for path, base in (
        ("/api/v1/openapi.json", "https://app.example.com"),
        ("/", "https://app.example.com"),
    ):
        answer = client.get(path, headers={"Origin": origin}, base_url=base)
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("value", ["*", "https://app.example.org/", "app.example.org", "null"])
def test_the_setting_names_whole_origins(production, value):
    with pytest.raises(ConfigurationError, match="API_CORS_ORIGINS"):
        production(API_CORS_ORIGINS=value)
