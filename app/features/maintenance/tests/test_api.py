"""Maintenance in the API."""

from app.features.api.tests.programs import admin_program, problem_of
from app.features.maintenance.models import SiteMode

__all__ = ["admin_program"]


def test_programs_are_refused_also_with_a_token_of_an_administrator(admin_program, put):
    put(SiteMode.CLOSED, "Soon")
    answer = admin_program.get("/me")
    assert problem_of(answer) == (503, "maintenance")
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Retry-After"] == "300"
    assert answer.json["detail"] == "The site is closed for maintenance. Soon"

    put(SiteMode.READ_ONLY)
    assert admin_program.get("/me").status_code == 200
    answer = admin_program.post("/users", {})
    assert problem_of(answer) == (503, "maintenance")
    assert answer.headers["Retry-After"] == "300"
