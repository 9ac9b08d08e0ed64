"""The landing page of members."""

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.kit.web.gates import open_to


@account.get("/")
@login_required
@open_to("impersonating")
def index() -> ResponseReturnValue:
    return render_template("account/index.html")
