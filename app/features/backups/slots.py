"""Add the age of the newest backup to the checks of `doctor`, and end sessions with a restore."""

from app.features.backups import age_of_backups
from app.kit.database.restored import ends_with_restore
from app.kit.doctor import Finding, doctor_check
from app.models import UserSession

ends_with_restore(UserSession)


@doctor_check("backup")
def backup_is_new() -> Finding | None:
    return age_of_backups.find_problem()
