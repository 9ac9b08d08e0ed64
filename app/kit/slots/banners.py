"""Register templates that other pages include: banners, and parts of the account pages."""

_banners: list[str] = []
_account_rows: list[tuple[int, str]] = []
_sign_out_parts: list[str] = []


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


def sign_out_part(template: str) -> None:
    """Include a template in the form that signs a user out on all other devices.

    It holds a check box for something that the user ends at the same time.
    """
    _sign_out_parts.append(template)


def sign_out_parts() -> tuple[str, ...]:
    return tuple(_sign_out_parts)
