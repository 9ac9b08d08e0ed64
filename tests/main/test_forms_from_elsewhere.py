"""A form from another site is refused with its own message, not with one about permissions."""

import pytest


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8080"},  # a proxy dropped the port from Host
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_elsewhere_is_told_where_to_go(client, headers):
    token = client.csrf_token()
    fields = {"csrf_token": token, "email": "a@example.com", "password": "x"}
    response = client.post("/account/login", data=fields, headers=headers)
    assert response.status_code == 403
    assert "This form was not sent from here" in response.text
    assert "Open the site at http://localhost and" in response.text
    assert "permission" not in response.text


def test_json_says_so_too(client):
    headers = {"Origin": "https://evil.example", "Accept": "application/json"}
    answer = client.post("/account/login", headers=headers)
    assert answer.status_code == 403
    assert answer.json["error"] == "This form was not sent from here"


def test_a_form_over_http_is_told_to_use_https(production):
    client = production().test_client()
    response = client.post("/account/login", base_url="http://app.example.com")
    assert response.status_code == 403
    assert "Open the site at https://app.example.com and" in response.text
