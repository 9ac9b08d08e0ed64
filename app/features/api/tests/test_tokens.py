"""Tokens: their form, and what find returns."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.api import token_format, tokens
from app.features.api.models import ApiToken, TokenAccess
from app.features.api.tests.support import give_token, secret_of
from app.kit import clean_up, redact
from app.kit.web.logs import log_lines
from app.models import AuditEvent, Permission, User
from app.services import password_reset, user_access, users
from app.services.own_account import NotWhileImpersonating
from app.services.policy import InsufficientPrivileges
from tests import factories
from tests.support import PASSWORD
from tests.world import NEW_PASSWORD

MINUTES = timedelta(minutes=5)


def made_by(user, **values):
    given = {"name": "Report", "scopes": 0, "access": TokenAccess.READ, "lifetime": MINUTES}
    return tokens.make(user, **given | values)


def age(by):
    """Let the time of all tokens pass."""
    for name in ("expires_at", "last_used_at", "revoked_at"):
        column = getattr(ApiToken, name)
        for token in db.session.scalars(select(ApiToken).where(column.is_not(None))):
            setattr(token, name, getattr(token, name) - by)
    db.session.commit()


def test_a_secret_has_a_prefix_and_a_checksum():
    secret = token_format.new_secret()
    assert re.fullmatch(r"kit_[0-9A-Za-z]{38}", secret)
    assert token_format.is_well_formed(secret)
    for place in range(4, len(secret)):
        other = "0" if secret[place] != "0" else "1"
        assert not token_format.is_well_formed(secret[:place] + other + secret[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "kit_", "é" * 42, "kit_" + "0" * 37, "kit_" + "0" * 38 + "\n", "\ud800" * 42]
)
def test_other_texts_are_no_secret_and_make_no_query(app, text, statements):
    statements.clear()
    assert tokens.find(text) is None
    assert statements == []


def test_logs_and_pages_of_jobs_show_no_secret():
    secret = token_format.new_secret()
    for text in (f"Bearer {secret}", f"/api/v1/me?access_token={secret}&x=1", f"<{secret}>"):
        assert secret not in log_lines.redact(text)
        assert secret not in redact.redacted_text(text)
        assert secret not in str(redact.redacted({"note": text}))


def test_logs_show_no_encoded_secret():
    secret = token_format.new_secret()
    for start in ("?authorization=Bearer%20", "?next=%2Fme%3Ftoken%3D", "?x=%25253D", "?x=a"):
        assert secret not in log_lines.redact(f"GET /api/v1/me{start}{secret}"), start
        assert secret not in redact.redacted_text(f"GET /api/v1/me{start}{secret}"), start
    for encoded in (secret.replace("_", "%5F"), secret.replace("_", "%255f"), f"%6Bit{secret[3:]}"):
        assert secret[4:] not in log_lines.redact(f"GET /api/v1/me?token={encoded}"), encoded


def test_only_a_hash_is_stored(app, make_user):
    made = made_by(make_user())
    row = db.session.execute(select(*ApiToken.__table__.c)).one()
    assert made.secret not in map(str, row)
    assert made.secret.removeprefix("kit_") not in str(row)


def test_find_loads_token_user_and_role_in_one_query(app, make_user, statements):
    user = make_user()
    secret, user_id = secret_of(user), user.id
    tokens.find(secret)
    db.session.remove()
    statements.clear()
    token = tokens.find(secret)
    assert token.user.id == user_id
    assert token.user.can(Permission.GENERAL)
    assert len(statements) == 1


def test_the_use_is_written_at_most_once_a_minute(app, make_user):
    secret = secret_of(make_user())
    first = tokens.find(secret).last_used_at
    assert first is not None
    age(timedelta(seconds=50))
    assert tokens.find(secret).last_used_at == first - timedelta(seconds=50)
    age(timedelta(seconds=10))
    assert tokens.find(secret).last_used_at >= first


def test_a_token_ends_with_its_time(app, make_user):
    secret = secret_of(make_user(), days=90)
    age(timedelta(days=89))
    assert tokens.find(secret)
    age(timedelta(days=1))
    assert tokens.find(secret) is None


def test_a_token_that_never_expires_takes_a_setting(app, make_user, monkeypatch):
    user = make_user()
    with pytest.raises(tokens.NeverExpires):
        made_by(user, lifetime=None)
    monkeypatch.setitem(app.config, "API_TOKENS_WITHOUT_EXPIRY", True)
    made = made_by(user, lifetime=None)
    assert made.token.expires_at is None
    assert tokens.find(made.secret)


def test_nobody_gets_a_scope_that_they_lack(app, make_user):
    with pytest.raises(InsufficientPrivileges):
        made_by(make_user(), scopes=int(Permission.MANAGE_USERS))


def test_a_user_has_a_limited_number_of_tokens(app, make_user, monkeypatch):
    monkeypatch.setattr(tokens, "MOST", 2)
    user = make_user()
    made_by(user)
    last = made_by(user)
    with pytest.raises(tokens.TooManyTokens):
        made_by(user)
    tokens.revoke(last.token, by=user)
    made_by(user)


def test_making_one_is_recorded_and_mailed(app, make_user, outbox):
    user = make_user()
    made_by(user)
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "api_token.made")
    ).one()
    assert event.details["name"] == "Report"
    assert event.details["scopes"] == "General"
    outbox.deliver()
    assert "“Report” was made" in outbox.last_text()


def test_an_event_names_the_token_that_caused_it(app, admin, make_user):
    user = make_user()
    actor = tokens.find(secret_of(admin, name="Cron")).user
    users.change_name(user, first_name="Grace", last_name="Hopper", by=actor)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.renamed")).one()
    assert (event.actor_id, event.details) == (admin.id, {"token": "Cron"})


# The end of tokens


def test_revoking_ends_one(app, make_user):
    user = make_user()
    one, other = give_token(user), give_token(user)
    tokens.revoke(one.token, by=user)
    assert tokens.find(one.secret) is None
    assert tokens.find(other.secret)
    with pytest.raises(tokens.TokenGone):
        tokens.revoke(one.token, by=user)


def test_no_token_is_made_or_revoked_while_impersonating(app, admin, make_user, monkeypatch):
    user = make_user()
    made = give_token(user)
    monkeypatch.setattr(User, "impersonator", admin)
    for change in (
        lambda: made_by(user),
        lambda: tokens.revoke(made.token, by=user),
        lambda: tokens.revoke_all(user, by=user),
    ):
        with pytest.raises(NotWhileImpersonating):
            change()
    assert [one.state for one in tokens.of_user(user)] == ["active"]


def test_nobody_revokes_tokens_of_users_above_them(app, admin, make_user):
    factories.make_role("Support", int(Permission.GENERAL | Permission.MANAGE_USERS))
    support, made = make_user(role="Support"), give_token(admin)
    with pytest.raises(InsufficientPrivileges):
        tokens.revoke(made.token, by=support)
    with pytest.raises(InsufficientPrivileges):
        tokens.revoke_all(admin, by=support)
    assert tokens.find(made.secret)


def test_administrators_revoke_tokens_of_users(app, admin, make_user):
    user = make_user()
    made = give_token(user)
    tokens.revoke_all(user, by=admin)
    assert tokens.find(made.secret) is None
    assert db.session.get_one(User, user.id).is_active


def test_a_suspension_ends_tokens_for_good(app, admin, make_user):
    user = make_user()
    secret = secret_of(user)
    users.suspend(user, by=admin)
    assert tokens.find(secret) is None
    users.reactivate(user, by=admin)
    assert tokens.find(secret) is None


@pytest.mark.parametrize(("kind", "lives"), [("personal", True), ("short_lived", False)])
def test_short_lived_tokens_end_with_other_sessions(app, admin, make_user, kind, lives):
    user = make_user()
    secret = secret_of(user, kind=kind)
    user_access.end_sessions(user, by=admin)
    assert (tokens.find(secret) is not None) == lives


def test_a_new_password_ends_short_lived_tokens(app, make_user):
    user = make_user()
    secret = secret_of(user, kind="short_lived")
    password_reset.change_password(user, old=PASSWORD, new=NEW_PASSWORD, keep=None)
    assert tokens.find(secret) is None


def test_the_night_deletes_tokens_that_ended_long_ago(app, make_user):
    user = make_user()
    give_token(user, days=1)
    give_token(user, days=None)
    for days, left in ((30, 2), (2, 1)):
        age(timedelta(days=days))
        clean_up.run()
        assert db.session.scalar(select(func.count(ApiToken.id))) == left


def test_tokens_that_ended_and_sign_ins_hide_no_personal_token(make_user, monkeypatch):
    monkeypatch.setattr(tokens, "SHOWN", 3)
    user = make_user()
    personal = give_token(user).token
    sign_in, *_ = [give_token(user, kind="short_lived").token for _ in range(3)]
    for _ in range(3):
        tokens.revoke(give_token(user).token, by=user)
    shown = tokens.of_user(user)
    assert shown[0] is personal
    assert all(one.state == "active" for one in shown)
    assert sign_in not in shown
