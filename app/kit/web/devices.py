"""Describe a browser by its User-Agent header, as in "Firefox on Linux"."""

import re

# The first match counts. Most browsers claim to be several others, so the order matters.
_BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\bOP(?:R|X|T)/|\bOpera\b"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Vivaldi", r"\bVivaldi/"),
    ("Yandex Browser", r"\bYaBrowser/"),
    ("DuckDuckGo", r"\bDuckDuckGo/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"\b(?:Chrome|CriOS|HeadlessChrome)/"),
    ("Safari", r"\bVersion/[\d.]{1,20}.{0,80} Safari/"),
    ("Internet Explorer", r"\bTrident/|\bMSIE "),
    ("curl", r"^curl/"),
    (
        "A script",
        r"^(?:Wget|python-requests|Python-urllib|python-httpx|Go-http-client|Java|axios)/",
    ),
)
_SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\bMacintosh\b|\bMac OS X\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
)
BROWSERS = tuple((name, re.compile(pattern)) for name, pattern in _BROWSERS)
SYSTEMS = tuple((name, re.compile(pattern)) for name, pattern in _SYSTEMS)


def device_name(user_agent: str) -> str:
    """Return the browser and the system that a User-Agent header claims.

    Versions are left out: browsers freeze them, and they do not help a user recognise a device.
    """
    browser = _first(BROWSERS, user_agent)
    system = _first(SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    if system:
        return f"A browser on {system}"
    return browser or "Unknown device"


def _first(names: tuple[tuple[str, re.Pattern[str]], ...], user_agent: str) -> str:
    return next((name for name, pattern in names if pattern.search(user_agent)), "")
