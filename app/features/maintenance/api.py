"""Say in the API that the site is under maintenance."""

from app.features.api import ApiProblem, answers, answers_with
from app.features.maintenance import site_mode
from app.features.maintenance.main import UnderMaintenance

CODE = "maintenance"


def _problem(error: UnderMaintenance) -> ApiProblem:
    wait = {"Retry-After": str(site_mode.retry_after(error.state))}
    return ApiProblem(503, CODE, str(error), headers=wait)


answers(UnderMaintenance, 503, CODE, "The site is closed or read-only. Wait as Retry-After says.")
answers_with(UnderMaintenance, _problem)
