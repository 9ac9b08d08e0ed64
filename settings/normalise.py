"""Normalise hosts, email addresses and senders to the form in which the app stores them."""

import re
import unicodedata
from collections.abc import Collection
from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import IPv4Address, IPv6Address, ip_address

import idna
from email_validator import EmailNotValidError, validate_email

LONGEST_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
LONGEST_HOST = 253
# Host names may not contain underscores, but container networks use them.
ESCAPED = re.compile(r"\\(.)")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def in_quotes(text: str) -> str:
    """Return a text as a line of `.env` has it, between single quotes."""
    return "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'"


def host(text: str) -> str:
    """Return a host name in lower case and ASCII (IDNA 2008), or an IP address.

    Raises ValueError for anything else.
    """
    if address := _ip_address(text):
        return str(address)
    name = text.removesuffix(".")
    if not name.isascii():
        name = idna.encode(name[:LONGEST_HOST], uts46=True).decode()
    name = name.lower()
    if len(name) > LONGEST_HOST or not all(map(LABEL.fullmatch, name.split("."))):
        raise ValueError("not a host name")
    return name


def mail_domain(host_name: str) -> str:
    """Return a host as EHLO, Message-ID and sender need it (RFC 5321, section 4.1.3)."""
    match _ip_address(host_name):
        case IPv4Address():
            return f"[{host_name}]"
        case IPv6Address():
            return f"[IPv6:{host_name}]"
    return host_name


def email(text: str, intranet: Collection[str] = ()) -> str:
    """Return an email address in the form in which it is stored, because domains vary in spelling.

    The part before the @ must be ASCII, because similar letters of other scripts would let one user
    impersonate another. The confirmation link proves that the domain receives mail. `intranet`
    lists domains unknown to the Internet: `corp.local` itself, or `.local` for all domains below.
    Raises EmailNotValidError.
    """
    typed = text.strip()
    if len(typed) > 2 * LONGEST_EMAIL:  # checking a long text is slow
        raise EmailNotValidError("The address is too long.")
    local, at, domain = typed.rpartition("@")
    if at and (own := _intranet_domain(domain, intranet)):
        address = f"{_checked(f'{local}@example.com').rpartition('@')[0]}@{own}"
    else:
        address = _checked(typed)
    return short_enough(address)


def short_enough(address: str) -> str:
    """Return an email address of acceptable length. Raises EmailNotValidError."""
    if len(address) > LONGEST_EMAIL:
        raise EmailNotValidError("The address is too long.")
    return address


def mailbox(spec: str, name: str = "") -> Address:
    """Parse exactly one email address, which may be an intranet's, and add the display name.

    Raises ValueError for a list, a header, a control character or anything else.
    """
    local, _, domain = spec.rpartition("@")
    if not local or not domain or not spec.isprintable() or not is_one_line(name):
        raise ValueError("not an address")
    if not domain.startswith("["):
        domain = host(domain)
    parsed = Address(display_name=name, addr_spec=f"{local}@{domain}")
    if not parsed.addr_spec.isascii():
        raise ValueError("the part before the @ must be ASCII")
    return parsed


def sender(text: str) -> Address:
    """Parse `Name <address>` or an email address alone.

    The name may contain any character, quoted as in RFC 5322 or not. Raises ValueError.
    """
    name, bracket, spec = text.strip().rpartition("<")
    if bracket and spec.endswith(">"):
        return mailbox(spec[:-1].strip(), _unquoted(name.strip()))
    if text.strip().endswith(")"):  # address (Name)
        name, spec = parseaddr(text)
        return mailbox(spec, name)
    return mailbox(text.strip())


def is_one_line(text: str) -> bool:
    """Return whether `text` is free of line breaks, control characters and lone surrogates."""
    return not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text)


def _checked(text: str) -> str:
    result = validate_email(text, allow_smtputf8=False, check_deliverability=False)
    return (result.ascii_email or result.normalized).lower()


def _intranet_domain(domain: str, intranet: Collection[str]) -> str:
    """Return the ASCII form of a domain that `intranet` lists, else ""."""
    if not intranet:
        return ""
    try:
        name = host(domain)
    except ValueError:
        return ""
    listed = any(name == one or (one[0] == "." and name.endswith(one)) for one in intranet)
    return name if listed else ""


def _ip_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return ESCAPED.sub(r"\1", name[1:-1])
    return name
