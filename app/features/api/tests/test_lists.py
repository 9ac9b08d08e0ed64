"""Lists: their parameters, cursors, links and fields."""

from marshmallow import Schema
from sqlalchemy import select

from app.extensions import db
from app.features.api.schemas import RoleReferenceSchema, UserSchema
from app.features.api.tests.programs import admin_program
from app.features.api.web.dumping import dump_all
from app.kit.database import now
from app.models import User

__all__ = ["admin_program"]


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json["items"]]


def test_a_program_walks_a_list_to_its_end_and_back(admin_program, make_user):
    for _ in range(6):
        make_user()
    everyone = ids(admin_program.get("/users"))
    first = admin_program.get("/users?limit=3&sort=-created_at")
    assert first.json["count"] == 7
    assert first.json["count_is"] == "exact"
    assert first.json["prev"] is None
    second = admin_program.get(first.json["next"].removeprefix("http://localhost"))
    third = admin_program.get(second.json["next"].removeprefix("http://localhost"))
    assert ids(first) + ids(second) + ids(third)[-1:] == everyone
    back = admin_program.get(second.json["prev"].removeprefix("http://localhost"))
    assert ids(back) == ids(first)
    assert f'<{second.json["next"]}>; rel="next"' in second.headers["Link"]
    assert 'rel="first"' in second.headers["Link"]


def test_a_list_is_searched_filtered_and_sorted(admin_program, make_user):
    found = make_user(email="grace@example.com", first_name="Grace")
    make_user(suspended=True)
    assert ids(admin_program.get("/users?search=grace")) == [found.id]
    one = admin_program.get("/users?limit=1&sort=created_at").json["items"][0]
    assert one["email"] == "admin@example.com"
    assert one["created_at"].endswith("Z")


def test_fields_are_chosen(admin_program):
    answer = admin_program.get("/users?fields=email,id")
    assert answer.json["items"] == [{"email": "admin@example.com", "id": admin_program.user.id}]


def test_parameters_that_make_no_sense_are_named(admin_program):
    for query, name in (
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("sort=password_hash", "sort"),
        ("fields=password_hash", "fields"),
        ("cursor=x", "cursor"),
        ("cursor=eyJsYXN0IjoyfQ", "cursor"),
        ("page=2", "page"),
        ("search=a&search=b", "search"),
    ):
        answer = admin_program.get(f"/users?{query}")
        assert answer.status_code == 422, query
        assert [one["parameter"] for one in answer.json["errors"]] == [name], query


def test_rows_are_dumped_as_marshmallow_does(admin, make_user):
    make_user(suspended=True, last_seen_at=now())
    make_user(invited=True).role = None
    users = db.session.scalars(select(User)).all()
    for names in (None, ("id", "role", "created_at")):
        schema = UserSchema(only=names)
        assert dump_all(schema, users) == schema.dump(users, many=True)
        assert [schema.dump(one) for one in users] == Schema.dump(schema, users, many=True)
    mappings = [{"id": 1, "name": "Editor"}]
    assert dump_all(RoleReferenceSchema(), mappings) == mappings
