"""Users with a second factor, and the codes of their app."""

import pyotp
from sqlalchemy import update

from app.extensions import db
from app.features.two_factor import recovery
from app.features.two_factor.models import SECRETS, RecoveryCode, TwoFactorRole, TwoFactorSecret
from app.kit import passwords
from app.kit.database import now
from app.models import UserSession

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE_PAGE, RECOVERY_PAGE = "/account/second-step", "/account/second-step/recovery"
MANAGE = "/account/manage/two-factor"
SET_UP = f"{MANAGE}/set-up"
RECOVERY_CODE = "3k7mq9xw2fgh"


def enable(user, *, codes=(RECOVERY_CODE,)):
    """Give a user the app with SECRET, and recovery codes. Their sessions count as proved."""
    db.session.add(
        TwoFactorSecret(user_id=user.id, encrypted=SECRETS.encrypt(SECRET, user.id), last_step=0)
    )
    for code in codes:
        code_hash = passwords.hash_password(code)
        db.session.add(RecoveryCode(user_id=user.id, number=int(code[0]), code_hash=code_hash))
    proved = update(UserSession).where(UserSession.user_id == user.id)
    db.session.execute(proved.values(has_second_factor=True))
    db.session.commit()
    return user


def demand(role):
    db.session.add(TwoFactorRole(role_id=role.id))
    db.session.commit()


def code(secret=SECRET, *, steps=0):
    """Return the code of the app, now or some steps of 30 seconds later."""
    return pyotp.TOTP(secret).generate_otp(int(now().timestamp()) // 30 + steps)


def left(user):
    return recovery.count(user.id)
