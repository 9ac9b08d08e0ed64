"""Turn Markdown of members into HTML that is safe to show to other members."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup

CACHED = 512  # texts; a page of 20 posts takes no time again
OPENING = 1_200  # characters of a post in a list
TAGS = {
    *("a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"),
    *("s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}


def _lower_headings(state: StateCore) -> None:
    """Begin at h3: the page has its h1, and each part of it an h2."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"


# No HTML, and no images: those of other hosts would tell them who reads a post.
_parser = MarkdownIt("js-default", {"html": False, "breaks": True}).disable("image")
_parser.core.ruler.push("lower_headings", _lower_headings)


@lru_cache(maxsize=CACHED)
def render(text: str) -> Markup:
    """Return Markdown as HTML with a short list of tags, and links that search engines ignore.

    The parser escapes HTML already. The sanitiser keeps the promise when the parser changes.
    """
    html = nh3.clean(
        _parser.render(text),
        tags=TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener noreferrer",
    )
    return Markup(html)  # noqa: S704 - sanitised in the line above


def opening(text: str) -> str:
    """Return the first paragraphs of a long text, or the whole of a short one."""
    if len(text) <= OPENING:
        return text
    return text[:OPENING].rpartition("\n\n")[0] or f"{text[:OPENING].rpartition(' ')[0]} …"
