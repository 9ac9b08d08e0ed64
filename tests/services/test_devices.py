"""Turn User-Agent headers into device names."""

import pytest

from app.kit.web.devices import device_name

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
         "Firefox on Linux"),
        (MAC + "Chrome/126.0.0.0 Safari/537.36", "Chrome on macOS"),
        (MAC.replace("537.36", "605.1.15") + "Version/17.5 Safari/605.1.15", "Safari on macOS"),
        (WINDOWS + "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", "Edge on Windows"),
        (WINDOWS + "Chrome/126.0.0.0 Safari/537.36 OPR/112.0.0.0", "Opera on Windows"),
        (IPHONE + "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
         "Safari on iPhone"),
        (IPHONE + "(KHTML, like Gecko) CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1",
         "Chrome on iPhone"),
        (IPHONE + "(KHTML, like Gecko) FxiOS/127.0 Mobile/15E148 Safari/605.1.15",
         "Firefox on iPhone"),
        (ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        (ANDROID + "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
         "Samsung Internet on Android"),
        (ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36 EdgA/126.0.0.0", "Edge on Android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
         "Internet Explorer on Windows"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32.3", "A script"),
        ("Mozilla/5.0 (X11; Linux x86_64) Something/1.0", "A browser on Linux"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
    ],
)  # fmt: skip
def test_a_device_is_called_what_its_owner_calls_it(header, name):
    assert device_name(header) == name


def test_a_hostile_header_takes_no_time():
    assert device_name("Version/1 " * 25) == "Unknown device"
