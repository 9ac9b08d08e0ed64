"""The password rule on every form that sets one, and the strength of the hashes."""

import random
import re
import socket
import string
import time

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.extensions import db
from app.kit import passwords
from app.kit.mail.email_message import EmailMessage
from app.kit.passwords import password_rule
from app.kit.passwords.common_passwords import common_passwords
from app.models import User
from app.services import password_reset, users
from tests.support import PASSWORD, REAL_HASHER, links, path_of

WEAK = {
    "too short": ("xK3#vQ9!mZ2", "at least 12 characters"),
    "too long": ("xK3#vQ9!mZ2 " * 11, "at most 128 characters"),
    "common": ("passwordpassword", "too easy"),
    "a row of digits": ("123456789012345", "too easy"),
    "one character that becomes many": ("\ufdfa", "at least 12 characters"),
    "eleven ligatures": ("\ufb03a" * 5 + "x", "at least 12 characters"),
    "a famous one": ("correcthorsebatterystaple", "too easy"),
    "runs of digits": ("11112222333344445555", "too easy"),
    "runs of letters": ("aaaabbbbccccdddd", "too easy"),
    "a word for password": ("contraseña1234", "too easy"),
    "the same, composed otherwise": ("contrasen\u0303a1234", "too easy"),
    "in Cyrillic": ("пароль123456", "too easy"),
    "a welcome": ("Welcome2024!!", "too easy"),
    "a row of keys": ("qwertyuiopasdf", "too easy"),
    "the own address": ("ada@example.com!", "name or an address"),
    "the own name": ("Ada-Lovelace-1", "name or an address"),
    "the app": ("Example-App-2026", "name or an address"),
}


ADA = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}


@pytest.fixture
def doors(client, make_user, admin, outbox):
    """Return, by name, functions that return the path of a form and its fields without new ones.

    The last value is the names of the two fields for the new password.
    """

    def register():
        return "/account/register", ADA, ("password", "password2")

    def reset():
        make_user(**ADA)
        client.submit("/account/reset-password", {"email": ADA["email"]})
        return path_of(links(outbox.last_text())[0]), {}, ("new_password", "new_password2")

    def change():
        client.enter(make_user(**ADA))
        old = {"old_password": PASSWORD}
        return "/account/manage/change-password", old, ("new_password", "new_password2")

    def create():
        client.enter(admin)
        return "/admin/new-user", {**ADA, "role": admin.role_id}, ("password", "password2")

    return {f.__name__: f for f in (register, reset, change, create)}


@pytest.mark.parametrize("door", ["register", "reset", "change", "create"])
def test_a_weak_password_is_refused_with_the_reason_at_every_door(client, doors, door, monkeypatch):
    """PW-1, PW-2, PW-4"""
    monkeypatch.setattr("app.extensions.limiter.enabled", False)
    path, fields, names = doors[door]()
    token = client.csrf_token(path)
    for kind, (password, reason) in WEAK.items():
        sent = {**fields, **dict.fromkeys(names, password), "csrf_token": token}
        page = client.post(path, data=sent)
        assert page.status_code == 200, kind
        assert reason in page.text, kind
        user = User.by_email(ADA["email"])
        assert user is None or not user.verify_password(password), kind


@pytest.mark.parametrize("door", ["register", "reset", "change", "create"])
def test_a_strong_password_is_taken_at_every_door(client, doors, door):
    """PW-1"""
    path, fields, names = doors[door]()
    sent = {**fields, **dict.fromkeys(names, "xK3#vQ9!mZ2p")}
    assert client.submit(path, sent).status_code == 302
    assert User.by_email(ADA["email"]).verify_password("xK3#vQ9!mZ2p")


def test_the_first_administrators_password_obeys_the_rule(app):
    """PW-1: the commands apply the rule."""
    with pytest.raises(passwords.WeakPassword):
        users.create_administrator(email="root@example.com", password="password")
    assert User.by_email("root@example.com") is None


@pytest.mark.parametrize(
    "password",
    [
        "wqzmkfjvxbtyghd",  # one kind of letter
        "🐴🔋📎🌋🧭🪁🧊🥨🪐🛶🧶🎏",
        "пять лошадей и скрепка",
        "馬電池針正確青空海山川雪",
        "!)(*&^?~_+;:|<>{",
        "  spaces count too  ",
        "é" * 6 + "à" * 6 + "ôçñ",
        "नमस्ते दुनिया घोड़ा",
    ],
)
def test_any_characters_will_do(app, password):
    """PW-3: no kind of character is required, and none is refused."""
    password_reset.require_strong_password(password, first_name="Ada", email="ada@example.com")


def test_length_is_counted_in_characters(app):
    """PW-1"""
    with pytest.raises(passwords.WeakPassword, match="at least 12"):
        password_rule.require_strong("éàôçñüøåßþð", least_length=12)
    password_rule.require_strong("éàôçñüøåßþðæ", least_length=12)


def test_a_password_of_128_characters_is_taken_whole(make_user):
    """PW-2"""
    longest = "".join(chr(33 + (7 * n) % 90) for n in range(128))
    password_reset.require_strong_password(longest)
    user = make_user()
    user.password = longest
    assert user.verify_password(longest)
    assert not user.verify_password(longest[:-1])


@pytest.mark.parametrize("length", [513, 500_000])
def test_a_password_that_is_too_long_is_refused_before_it_is_hashed(make_user, length, monkeypatch):
    """PW-2"""

    class Unused:
        def verify(self, *_):
            raise AssertionError("hashed")

    monkeypatch.setattr(passwords, "hasher", Unused())
    assert not make_user().verify_password("x" * length)


@pytest.mark.parametrize("path", ["/account/login", "/account/register"])
def test_a_huge_password_is_refused_at_once(client, path):
    """PW-2"""
    token = client.csrf_token(path)
    fields = {
        "email": "ada@example.com", "first_name": "A", "last_name": "L", "csrf_token": token,
        "password": "x" * 450_000, "password2": "x" * 450_000,
    }  # fmt: skip
    page = client.post(path, data=fields)
    assert page.status_code == 200
    assert "at most 128 characters" in page.text


@pytest.mark.timing
@pytest.mark.parametrize(
    "password",
    [
        "1!i|l0o5$s7+t3e4a@2z%x9g6b8(c{<[" * 4,
        "72{94$!16!717$4{6(69!6+[7!!@2[|5!!25+13$978@(593" * 3,
        "a" * 128,
        "ab" * 64,
        "aab" * 42,
        "\u0301" * 128,
        "\ufdfa" * 128,
        "1234567890" * 12,
    ],
)
def test_no_password_takes_long_to_judge(password):
    """PW-2: anonymous visitors can request this."""
    started = time.process_time()
    password_rule.strength(password, ["x" * 254, "a b c d e f g " * 18])
    assert time.process_time() - started < 0.5


def refused(passwords_):
    return [p for p in passwords_ if password_rule.judge(p, least_length=12)[1]]


def repeated(password):
    """Return the text twice, or as often as needed for twelve characters."""
    return password * max(2, -(-12 // len(password)))


LEAKED = FREQUENCY_LISTS["passwords"]
WELL_KNOWN = {
    "long": [p for p in LEAKED if len(p) >= 12],
    "repeated": [repeated(p) for p in [*LEAKED[:500], *(p for p in LEAKED if len(p) > 16)]],
    "in pairs": [a + b for a in LEAKED[:30] for b in LEAKED[:30] if len(a + b) >= 12],
    "with a tail": [
        p + tail
        for p in LEAKED[:100]
        for tail in ("123456", "2024!", "@2025", "1990", "!!!!", "password")
        if len(p + tail) >= 12
    ],
}


@pytest.mark.parametrize("kind", WELL_KNOWN)
def test_leaked_passwords_are_refused_also_when_they_are_made_long(kind):
    """PW-4: few leaked passwords have twelve characters, so users repeat shorter ones."""
    assert len(WELL_KNOWN[kind]) > 100
    assert [*set(WELL_KNOWN[kind]) - set(refused(WELL_KNOWN[kind]))] == []


def test_random_letters_and_words_are_not_taken_for_leaked_ones():
    """PW-4: the rule against pairs of common words accepts four random words."""
    drawn = random.Random(4)  # noqa: S311 - the same ones each time
    words = [word for word in FREQUENCY_LISTS["english_wikipedia"][:7776] if len(word) > 3]
    letters = ["".join(drawn.choices(string.ascii_lowercase, k=15)) for _ in range(200)]
    phrases = [" ".join(drawn.sample(words, 4)) for _ in range(200)]
    assert refused(letters + phrases) == []


def test_the_most_common_long_passwords_are_refused(monkeypatch):
    """PW-4: two thousand passwords of at least 12 characters, whatever zxcvbn estimates."""
    best = {"score": 4, "feedback": {"warning": "", "suggestions": []}}
    monkeypatch.setattr(password_rule, "zxcvbn", lambda *_args, **_options: best)
    common = common_passwords()
    assert len(common) > 2_000
    assert common - set(refused(sorted(common))) == set()


def test_judging_a_password_asks_no_network(app, monkeypatch):
    """PW-4"""

    def refuse(*_args):
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    password_reset.require_strong_password("xK3#vQ9!mZ2p")


def test_hashes_have_the_parameters_of_owasp():
    """PW-6"""
    parameters = extract_parameters(REAL_HASHER.hash(PASSWORD))
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 19 * 1024
    assert parameters.time_cost >= 2
    assert parameters.parallelism == 1


def test_a_password_cannot_be_read(make_user):
    with pytest.raises(AttributeError):
        make_user().password  # noqa: B018 - reading it is what is tested


# Changing the user's own password


def change(client, old=PASSWORD, new="xK3#vQ9!mZ2p", again=None):
    fields = {"old_password": old, "new_password": new, "new_password2": again or new}
    return client.submit("/account/manage/change-password", fields)


@pytest.mark.parametrize("old", ["wrong horse battery", "", PASSWORD + " ", PASSWORD.upper()])
def test_a_password_is_changed_only_with_the_present_one(client, make_user, old):
    """PW-5"""
    user = make_user()
    client.enter(user)
    assert change(client, old=old).status_code == 200
    assert user.verify_password(PASSWORD)
    assert EmailMessage.query.count() == 0


def test_changing_the_password_tells_its_owner_by_one_mail(client, make_user, outbox):
    """PW-5"""
    user = make_user()
    client.enter(user)
    assert change(client).status_code == 302
    (mail,) = outbox.deliver()
    assert mail["To"] == user.email
    assert "xK3#vQ9!mZ2p" not in mail.as_string()


def test_both_entries_of_a_new_password_must_agree(client, make_user):
    user = make_user()
    client.enter(user)
    assert "not the same" in change(client, again="xK3#vQ9!mZ2P").text
    assert user.verify_password(PASSWORD)


@pytest.mark.parametrize("path", ["/account/login", "/account/register", "/account/reset-password"])
def test_password_managers_know_each_field(client, path):
    """PW-7: no field is hidden from them but the one for programs (tests/account/test_bots.py)."""
    page = re.sub(
        r'<div class="visually-hidden" aria-hidden="true">.*?</div>', "", client.get(path).text
    )
    assert 'autocomplete="username"' in page
    if path == "/account/login":
        assert 'autocomplete="current-password"' in page
        assert 'autocomplete="new-password"' not in page
    elif path == "/account/register":
        assert page.count('autocomplete="new-password"') == 2
    assert 'autocomplete="off"' not in page
    assert "onpaste" not in page


# The strength meter


def meter(client, **sent):
    headers = {"X-CSRFToken": client.csrf_token("/account/register")}
    return client.post("/account/check-password", json=sent, headers=headers)


def test_the_meter_says_what_the_rule_will_say(client):
    assert meter(client, password="xK3#vQ9!mZ2p").json["acceptable"] is True
    for password, reason in WEAK.values():
        answer = meter(
            client,
            password=password,
            first_name="Ada",
            last_name="Lovelace",
            email="ada@example.com",
        ).json
        assert answer["acceptable"] is False, password
        assert reason in answer["message"]
        assert answer["score"] in range(5)


def test_the_meter_knows_who_is_signed_in(client, make_user):
    client.enter(make_user(email="grace.hopper@example.com"))
    headers = {"X-CSRFToken": client.csrf_token("/account/manage")}
    answer = client.post(
        "/account/check-password", json={"password": "grace.hopper-77"}, headers=headers
    )
    assert answer.json["acceptable"] is False


def test_the_meter_keeps_nothing(client, caplog):
    meter(client, password="xK3#vQ9!mZ2p secret")
    assert "xK3#vQ9" not in caplog.text
    assert db.session.query(User).count() == 0


def test_the_meter_estimates_once_and_outside_of_any_transaction(client, make_user, monkeypatch):
    """PW-2: an open transaction would block other writers on SQLite."""
    client.enter(make_user())
    estimate, during = password_rule.zxcvbn, []

    def watched(*args, **options):
        during.append(db.session().in_transaction())
        return estimate(*args, **options)

    monkeypatch.setattr(password_rule, "zxcvbn", watched)
    headers = {"X-CSRFToken": client.csrf_token("/account/manage")}
    assert client.post("/account/check-password", json={"password": "x" * 9}, headers=headers).json
    assert during == [False]


def test_the_meter_answers_a_visitor_thirty_times_a_minute(client):
    """PW-2: an estimate is expensive, and nobody types faster."""
    headers = {"X-CSRFToken": client.csrf_token("/account/register")}
    send = {"json": {"password": "x"}, "headers": headers}
    statuses = [client.post("/account/check-password", **send).status_code for _ in range(32)]
    assert statuses == [200] * 30 + [429] * 2


@pytest.mark.parametrize("length", [33, 10_000, 500_000])
def test_the_strength_is_estimated_from_a_bounded_length(length, monkeypatch):
    """PW-2: the work is bounded, so no password takes long."""
    seen = []
    estimate = password_rule.zxcvbn

    def watched(password, user_inputs):
        seen.append((len(password), len(user_inputs)))
        return estimate(password, user_inputs=user_inputs)

    monkeypatch.setattr(password_rule, "zxcvbn", watched)
    password_rule.judge("x" * length, least_length=12, related=["a b " * length, "ab c" * 50] * 20)
    assert all(size <= 32 and words <= 40 for size, words in seen)


@pytest.mark.parametrize("path", ["change-password", "reset", "reauthenticate"])
def test_password_managers_learn_whose_password_it_is(client, make_user, path):
    """PW-7: they need a `username` field beside the password."""
    user = make_user()
    if path == "reset":
        page = client.get(f"/account/reset-password/{user.generate_password_reset_token()}")
    else:
        client.enter(user)
        place = "/account/manage/change-password" if "change" in path else "/account/reauthenticate"
        page = client.get(place)
    field = re.search(r'<input[^>]*name="username"[^>]*>', page.text).group()
    assert f'value="{user.email}"' in field
    assert 'autocomplete="username"' in field
    assert " hidden" in field


def test_password_managers_find_the_page_that_changes_a_password(client):
    """W3C: a well-known URL for changing passwords."""
    answer = client.get("/.well-known/change-password")
    assert (answer.status_code, answer.location) == (303, "/account/manage/change-password")
    assert client.get("/.well-known/resource-that-should-not-exist").status_code == 404
