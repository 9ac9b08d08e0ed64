"""Add the age of the newest backup to the checks of `doctor`."""

from app.features.backups import age_of_backups
from app.kit.doctor import Finding, doctor_check


@doctor_check("backup")
def backup_is_new() -> Finding | None:
    return age_of_backups.find_problem()
