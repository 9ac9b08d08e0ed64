"""Markdown of members becomes HTML without anything that runs or loads."""

import re

import pytest

from app.features.blog import markdown
from app.features.blog.tests.access import make_post

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](java\nscript:alert(1))",
    "[a](vbscript:x)",
    "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "<javascript:alert(1)>",
    '[a](https://example.com "\\" onmouseover=alert(1) x=\\"")',
    "![a](https://example.com/pixel.png)",
    "![a](https://example.com/x.png 'onerror=alert(1)')",
    "<svg/onload=alert(1)>",
    "<iframe src=https://example.com></iframe>",
    "<form action=https://example.com><input></form>",
    "<style>*{display:none}</style>",
    "<a href='https://example.com' style='position:fixed' id=content class=btn>a</a>",
    '```"><script>alert(1)</script>\ncode\n```',
    "[a]: javascript:alert(1)\n\n[a]",
    "| a |\n|:-:|\n| <script>alert(1)</script> |",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<!--><script>alert(1)</script>-->",
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
]
TAG = re.compile(r"<\s*/?\s*([a-z0-9]+)([^>]*)>", re.IGNORECASE)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_text_runs_or_loads(text):
    html = str(markdown.render(text))
    for name, attributes in TAG.findall(html):
        assert name in markdown.TAGS, html
        given = re.findall(r'([a-z-]+)="([^"]*)"', attributes)
        assert {key for key, _value in given} <= {"href", "title", "rel"}, html
        for key, value in given:
            assert key != "href" or re.match(r"(https?:|mailto:)", value), html


@pytest.mark.parametrize("text", HOSTILE)
def test_the_parser_alone_is_safe(text):
    """Two layers: neither the parser nor the sanitiser has to be perfect."""
    html = markdown._parser.render(text)
    assert not re.search(r"<(script|img|svg|iframe|form|style|input|math)", html, re.IGNORECASE)
    assert not re.search(r'href="\s*(javascript|vbscript|data):', html, re.IGNORECASE)


def test_a_hostile_post_is_shown_as_text(client, make_user):
    user = make_user()
    client.enter(user)
    post = make_post(user, HOSTILE[0])
    for path in ("/blog/", f"/blog/post/{post.id}", f"/blog/member/{user.id}"):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get(path).text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>"),
        ("# a", "<h3>a</h3>"),
        ("###### a", "<h6>a</h6>"),
        ("a\nb", "<p>a<br>\nb</p>"),
        ("- a", "<ul>\n<li>a</li>\n</ul>"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        (
            "[a](https://example.com)",
            '<p><a href="https://example.com" rel="nofollow ugc noopener noreferrer">a</a></p>',
        ),
    ],
)
def test_markdown_becomes_html(text, html):
    assert markdown.render(text).strip() == html


@pytest.mark.parametrize(
    "text", ["[" * 5_000, "*a_" * 3_000, "> " * 5_000, "`" * 9_999, "![" * 5_000]
)
def test_a_text_that_means_to_be_slow_is_rendered(text):
    assert isinstance(str(markdown.render(text)), str)


def test_a_list_shows_the_first_paragraphs():
    short, long = "a\n\nb", "\n\n".join(["word " * 30] * 20)
    assert markdown.opening(short) == short
    assert long.startswith(markdown.opening(long))
    assert len(markdown.opening(long)) <= markdown.OPENING
    assert markdown.opening("word " * 1_000).endswith(" …")
    assert markdown.opening("x" * 5_000)
