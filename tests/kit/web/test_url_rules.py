"""The functions that build URLs are compiled when they are first called."""

from flask import Flask, url_for

from app.kit.web import token_pages


def test_a_rule_compiles_its_builder_once() -> None:
    app = Flask(__name__)
    token_pages.init_app(app)
    app.add_url_rule("/notes/<int:note_id>", "note", lambda note_id: "")
    (rule,) = app.url_map.iter_rules("note")
    waiting = rule._build_unknown

    with app.test_request_context():
        first = url_for("note", note_id=7, page=2)
        compiled = rule._build_unknown
        assert url_for("note", note_id=7, page=2) == first == "/notes/7?page=2"

    assert compiled is not waiting
    assert rule._build_unknown is compiled
    assert rule.build({"note_id": 8}, append_unknown=False) == ("", "/notes/8")
    assert app.test_client().get("/notes/7").status_code == 200
