"""The admin views that revoke the tokens of a user."""

from flask import flash
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import back_to, name_of, to_user
from app.decorators import permission_required
from app.extensions import db
from app.features.api import tokens
from app.features.api.models import ApiToken
from app.features.api.tokens import TokenGone
from app.models import Permission, User
from app.services.user_access import WrongState
from app.sign_in import me


@admin.post("/api-tokens/<int:user_api_token_id>/revoke")
@permission_required(Permission.MANAGE_USERS)
def revoke_user_api_token(user_api_token_id: int) -> ResponseReturnValue:
    token = db.get_or_404(ApiToken, user_api_token_id)
    try:
        tokens.revoke(token, by=me())
    except TokenGone:
        flash("The token was revoked meanwhile.", "info")
    else:
        flash(f"The token “{token.name}” is revoked.", "success")
    return back_to(token.user)


@admin.post("/user/<int:user_id>/tokens/revoke-all")
@permission_required(Permission.MANAGE_USERS)
@to_user
def revoke_user_api_tokens(user: User) -> ResponseReturnValue:
    try:
        tokens.revoke_all(user, by=me())
    except TokenGone:
        raise WrongState from None
    flash(f"All tokens of {name_of(user)} are revoked.", "success")
    return back_to(user)
