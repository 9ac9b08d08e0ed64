"""Register templates that other pages include: banners, and rows of the account page."""

_banners: list[str] = []
_account_rows: list[tuple[int, str]] = []


def banner(template: str) -> None:
    """Include a template above every page. It must use neither the user nor the database."""
    _banners.append(template)


def banners() -> tuple[str, ...]:
    return tuple(_banners)


def account_row(template: str, *, order: int = 100) -> None:
    """Include a template below the rows of /account/manage, with the user as `user`."""
    _account_rows.append((order, template))


def account_rows() -> tuple[str, ...]:
    return tuple(template for _order, template in sorted(_account_rows))
