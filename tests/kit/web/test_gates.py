"""Gates in a separate app without users."""

import pytest
from flask import Blueprint, Flask

from app.kit.web import gatekeeper, gates
from app.kit.web.gates import (
    closed_to,
    explains_gate,
    for_monitors,
    gate,
    lead_to,
    open_to,
    open_to_every_gate,
    sets_up_second_step,
    signs_in,
)
from config import ConfigurationError


@pytest.fixture
def asked(monkeypatch):
    """Remove all gates; return a list to which the gates of a test append their names."""
    monkeypatch.setattr(gates, "GATES", {})
    return []


@pytest.fixture
def shop_app(asked):
    """Return an app with the gates `late`, `early` and, for one blueprint only, `local`."""

    @gate("late", order=20)
    def ask_late():
        asked.append("late")

    @gate("early", order=10)
    def ask_early():
        asked.append("early")

    @gate("local", order=30, blueprint="shop")
    def ask_local():
        asked.append("local")
        return lead_to("/help", title="Closed", message="Come back tomorrow.")

    app = Flask(__name__)
    app.before_request(gatekeeper.ask_gates)
    shop = Blueprint("shop", __name__)

    @app.get("/")
    def index():
        return "index"

    @app.get("/past-late")
    @open_to("late")
    def past_late():
        return "past"

    @app.get("/healthz")
    @for_monitors
    def healthz():
        return "ok"

    @shop.get("/shop")
    def closed():
        return "shop"

    @shop.get("/window")
    @open_to("local", "early")
    def window():
        return "window"

    app.register_blueprint(shop)
    return app


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", ["early", "late"]),
        ("/past-late", ["early"]),
        ("/shop", ["early", "late", "local"]),
        ("/window", ["late"]),
        ("/healthz", []),
        ("/static/nothing.css", []),
        ("/nowhere", []),
    ],
)
def test_a_view_is_asked_for_by_the_gates_that_it_does_not_name(shop_app, asked, path, names):
    shop_app.test_client().get(path)
    assert asked == names


def test_the_answer_of_a_gate_is_the_answer(shop_app):
    response = shop_app.test_client().get("/shop")
    assert response.location == "/help"


def test_json_gets_an_error_and_no_redirect(shop_app):
    response = shop_app.test_client().get("/shop", headers={"Accept": "application/json"})
    assert response.status_code == 403
    assert "location" not in response.headers


def test_a_blueprint_may_be_open_as_a_whole(asked):
    @gate("late", order=20)
    def ask_late():
        asked.append("late")

    app = Flask(__name__)
    app.before_request(gatekeeper.ask_gates)
    pages = open_to("late")(Blueprint("pages", __name__))
    pages.add_url_rule("/page", "page", lambda: "page")
    app.register_blueprint(pages)
    assert app.test_client().get("/page").text == "page"
    assert asked == []


def test_a_gate_without_an_order_is_asked_where_a_view_says_so(asked):
    @gate("rare")
    def ask_rare():
        asked.append("rare")
        return "refused"

    app = Flask(__name__)
    app.before_request(gatekeeper.ask_gates)
    app.add_url_rule("/", "open", lambda: "open")
    app.add_url_rule("/closed", "closed", closed_to("rare")(lambda: "closed"))
    assert app.test_client().get("/").text == "open"
    assert app.test_client().get("/closed").text == "refused"
    assert asked == ["rare"]


def test_a_name_is_given_once(asked):
    gate("twice")(lambda: None)
    with pytest.raises(ConfigurationError, match="are both the gate 'twice': rename one of them"):
        gate("twice")(lambda: None)


@pytest.mark.parametrize("declare", [open_to("unknown"), closed_to("unknown")])
def test_an_unknown_name_stops_the_start(asked, declare):
    gate("known", order=1)(lambda: None)
    app = Flask(__name__)
    app.add_url_rule("/", "page", declare(lambda: "page"))
    with pytest.raises(
        ConfigurationError,
        match=r"The view page names the gate 'unknown'.* the gates are known\..* such as @signs_in",
    ):
        gatekeeper.check_gates(app)


@pytest.mark.parametrize(
    ("mark", "names"),
    [
        (open_to_every_gate, []),
        (signs_in, ["strict"]),
        (sets_up_second_step, ["mild", "strict"]),
        (explains_gate, ["strict"]),
    ],
)
def test_a_gate_lets_signing_out_and_the_marks_that_it_spares_through(asked, mark, names):
    gate("strict", order=20)(lambda: asked.append("strict"))
    gate("mild", order=10, spares=[signs_in, explains_gate])(lambda: asked.append("mild"))
    app = Flask(__name__)
    app.before_request(gatekeeper.ask_gates)
    app.add_url_rule("/", "page", mark(lambda: "page"))
    assert app.test_client().get("/").text == "page"
    assert asked == names


def test_marks_and_names_add_up_below_other_decorators(asked):
    gate("known", order=1)(lambda: asked.append("known"))
    gate("spares", order=2, spares=[explains_gate])(lambda: asked.append("spares"))
    gate("rare")(lambda: asked.append("rare"))
    app = Flask(__name__)
    app.before_request(gatekeeper.ask_gates)
    view = closed_to("rare")(signs_in(explains_gate(open_to("known")(lambda: "page"))))
    app.add_url_rule("/", "page", view)
    gatekeeper.check_gates(app)
    assert app.test_client().get("/").text == "page"
    assert asked == ["rare"]


def test_a_gate_hides_what_it_closes_while_it_says_so(asked):
    held = []
    gate("usual", order=1)(lambda: None)
    gate("hiding", order=2, hides=lambda: bool(held))(lambda: None)
    assert gatekeeper.hiding() == []
    held.append("user")
    assert [one.name for one in gatekeeper.hiding()] == ["hiding"]
