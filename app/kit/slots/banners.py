"""Banners above every page, also above error pages."""

_banners: list[str] = []


def banner(template: str) -> None:
    """Include a template above every page. It asks neither the user nor the database."""
    _banners.append(template)


def banners() -> tuple[str, ...]:
    return tuple(_banners)
