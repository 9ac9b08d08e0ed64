"""Disable the links in the HTML of a mail for a preview."""

from html import escape
from html.parser import HTMLParser

# Tags that load, send or open something by themselves, or change the target of other links.
_DROPPED = {
    *("base", "button", "embed", "form", "frame", "iframe", "input", "link", "object", "script"),
}


def without_links(html: str) -> str:
    """Return `html` with disabled links that show their URL as a tooltip."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return "".join(parser.pieces)


class _Parser(HTMLParser):
    """Copies HTML without the links and the dropped tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        leads_on = tag == "meta" and (given.get("http-equiv") or "").lower() == "refresh"
        if tag in _DROPPED or leads_on:
            return
        if tag not in {"a", "area"}:
            self.pieces.append(self.get_starttag_text() or "")
            return
        looks: tuple[str, ...] = ("class", "style")
        kept = {name: given.get(name) or "" for name in looks if name in given}
        if address := given.get("href"):
            kept["title"] = address
        written = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
        self.pieces.append(f"<{tag}{written}>")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _DROPPED:
            self.pieces.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def handle_entityref(self, name: str) -> None:
        self.pieces.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.pieces.append(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self.pieces.append(f"<!{decl}>")
