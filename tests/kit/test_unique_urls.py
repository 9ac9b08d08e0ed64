"""Register views with the same URL."""

from functools import partial

import pytest
from flask import Flask

from app.kit.features import unique_urls
from config import ConfigurationError


def quokkas() -> str:
    return "quokkas"


def marsupials() -> str:
    return "marsupials"


@pytest.fixture
def site() -> Flask:
    site = Flask(__name__)
    site.add_url_rule("/quokkas/<int:id>", view_func=quokkas)
    return site


@pytest.mark.parametrize("url", ["/quokkas/<int:id>", "/quokkas/<int:number>"])
def test_two_views_with_one_url_are_both_named(site: Flask, url: str) -> None:
    site.add_url_rule(url, view_func=marsupials, methods=["GET", "POST"])
    with pytest.raises(ConfigurationError) as refused:
        unique_urls.check(site)
    assert str(refused.value) == (
        f"quokkas ({__name__}.quokkas) and marsupials ({__name__}.marsupials) are both the view of "
        f"GET {url}: change the URL of one of them."
    )


def test_texts_are_the_default_of_arguments(site: Flask) -> None:
    site.add_url_rule("/<name>", endpoint="one", view_func=quokkas)
    site.add_url_rule("/<string:other>", view_func=partial(marsupials), endpoint="two")
    with pytest.raises(ConfigurationError, match=r"two \(functools.partial"):
        unique_urls.check(site)


@pytest.mark.parametrize("url", ["/quokkas/<id>", "/quokkas/<int:id>/", "/quokkas"])
def test_urls_that_differ_are_accepted(site: Flask, url: str) -> None:
    site.add_url_rule(url, view_func=marsupials)
    unique_urls.check(site)


def test_two_views_share_a_url_with_different_methods(site: Flask) -> None:
    site.add_url_rule("/quokkas/<int:id>", view_func=marsupials, methods=["POST"])
    site.add_url_rule("/quokkas/of/<int:id>", view_func=quokkas)
    unique_urls.check(site)


def test_rules_that_answer_no_second_view_are_accepted(site: Flask) -> None:
    site.add_url_rule("/quokkas/<int:id>", endpoint="alias", view_func=quokkas)
    site.add_url_rule("/quokkas/<int:id>", endpoint="socket", view_func=marsupials, websocket=True)
    site.add_url_rule("/quokkas/<int:id>", endpoint="link", build_only=True)
    site.add_url_rule("/", endpoint="index")
    unique_urls.check(site)
