"""Hosts, email addresses and senders, in the one form in which the app keeps them."""

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
# Underscores are no part of a host name, but networks of containers use them.
ESCAPED = re.compile(r"\\(.)")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


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
    """Return what stands for a host in EHLO, Message-ID and sender (RFC 5321, section 4.1.3)."""
    match _ip_address(host_name):
        case IPv4Address():
            return f"[{host_name}]"
        case IPv6Address():
            return f"[IPv6:{host_name}]"
    return host_name


def email(text: str, intranet: Collection[str] = ()) -> str:
    """Return an email address in the form in which it is stored: a domain has many spellings.

    The part before the @ is ASCII: letters of other scripts that look alike would let one person
    pose as another. Whether the domain takes mail is left to the confirmation link. `intranet`
    lists domains that the Internet does not know: `corp.local` itself, `.local` all below it.
    Raises EmailNotValidError.
    """
    typed = text.strip()
    if len(typed) > 2 * LONGEST_EMAIL:  # checking takes long where a text is long
        raise EmailNotValidError("The address is too long.")
    local, at, domain = typed.rpartition("@")
    if at and (own := _intranet_domain(domain, intranet)):
        address = f"{_checked(f'{local}@example.com').rpartition('@')[0]}@{own}"
    else:
        address = _checked(typed)
    return short_enough(address)


def short_enough(address: str) -> str:
    """Return an email address that a mail server takes. Raises EmailNotValidError."""
    if len(address) > LONGEST_EMAIL:
        raise EmailNotValidError("The address is too long.")
    return address


def mailbox(spec: str, name: str = "") -> Address:
    """Return exactly one address, which may be an intranet's, with the name before it.

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
    """Return what `Name <address>` or an address alone stands for.

    The name may hold any character, quoted as RFC 5322 has it or not. Raises ValueError.
    """
    name, bracket, spec = text.strip().rpartition("<")
    if bracket and spec.endswith(">"):
        return mailbox(spec[:-1].strip(), _unquoted(name.strip()))
    if text.strip().endswith(")"):  # address (Name)
        name, spec = parseaddr(text)
        return mailbox(spec, name)
    return mailbox(text.strip())


def is_one_line(text: str) -> bool:
    """Tell whether `text` has neither line breaks nor control characters nor lone surrogates."""
    return not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text)


def _checked(text: str) -> str:
    result = validate_email(text, allow_smtputf8=False, check_deliverability=False)
    return (result.ascii_email or result.normalized).lower()


def _intranet_domain(domain: str, intranet: Collection[str]) -> str:
    """Return the ASCII form of a domain that `intranet` lists, else nothing."""
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
