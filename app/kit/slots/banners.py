"""Register banners for the top of every page, error pages included."""

_banners: list[str] = []


def banner(template: str) -> None:
    """Include a template above every page. It must use neither the user nor the database."""
    _banners.append(template)


def banners() -> tuple[str, ...]:
    return tuple(_banners)
