"""Take the pictures of the README: docs/images/*.png at 1280 by 800 pixels, some of them dark too.

Run it with `python scripts/take_pictures.py`, and look at each picture before the commit. It starts
the application on 127.0.0.1 with an empty database and made-up users. It needs Chromium.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from settings import kit_record, product  # noqa: E402 - after the path

IMAGES = ROOT / "docs/images"
WIDTH, HEIGHT = 1280, 800
MOST_BYTES = 200_000  # of a picture; the README loads all of them
WAIT = 300  # seconds for a process, a page or a mail, also on a busy machine
USERS = 180
ADMIN, PASSWORD = "admin@example.com", "password"
DARK = {"dashboard"}  # pictures that the README shows in both schemes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def manage(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "manage.py", *arguments]
    log = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


@contextmanager
def application() -> Iterator[str]:
    """Start Redis, web and worker on a new database, and yield the URL."""
    with TemporaryDirectory() as folder:
        url = f"http://localhost:{(port := free_port())}"
        environment = os.environ | {
            "FLASK_CONFIG": "development",
            "INSTANCE_PATH": folder,
            "APP_NAME": product.name() if kit_record.read().is_recorded else "Acme",
            "DEBUG_TOOLBAR": "False",
            "ADMIN_EMAIL": ADMIN,
            "APP_URL": url,
            "PORT": str(port),
            "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            "DATABASE_URL": "",
        }
        for command in (
            ["setup_dev"],
            ["build_assets"],
            ["add_fake_data", f"-n{USERS}", "--seed=7"],
        ):
            if manage(environment, *command).wait():
                sys.exit(f"`python manage.py {command[0]}` failed. Run it to see the reason.")
        processes = [
            manage(environment, *command)
            for command in (["run_redis"], ["run_worker"], ["runserver", "--no-reload"])
        ]
        try:
            wait_for(url)
            yield url
        finally:
            for process in reversed(processes):
                process.send_signal(signal.SIGTERM)
                process.wait()


def wait_for(url: str) -> None:
    end = time.monotonic() + WAIT
    while True:
        try:
            with urlopen(f"{url}/healthz", timeout=5):  # noqa: S310 - the server started above
                return
        except OSError:
            if time.monotonic() > end:
                sys.exit("The web server did not start.")
            time.sleep(0.2)


def take(page: Page, name: str) -> None:
    """Write the visible part of a page to a file, dark as well if the README shows that."""
    for scheme in ("light", "dark") if name in DARK else ("light",):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.reload()  # The colours of a page that is open change in a transition.
        for frame in page.locator("iframe").all():  # A lazy one is no part of the load.
            frame.content_frame.locator("body *").first.wait_for(state="attached")
        file = IMAGES / (f"{name}.png" if scheme == "light" else f"{name}-{scheme}.png")
        page.screenshot(path=file)
        if (size := file.stat().st_size) > MOST_BYTES:
            sys.exit(f"{file.name} has {size:,} bytes: show less on the page.")
        print(f"{file.relative_to(ROOT)}: {size:,} bytes")


def sign_in(page: Page) -> None:
    page.goto("/account/login")
    page.fill("#email", ADMIN)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/admin/")


def invite(page: Page, first_name: str, last_name: str) -> None:
    page.goto("/admin/invite-user")
    page.fill("#first_name", first_name)
    page.fill("#last_name", last_name)
    page.fill("#email", f"{first_name.lower()}@example.org")
    page.get_by_role("button", name="Send invitation").click()
    page.wait_for_load_state()


def open_sent_mail(page: Page) -> None:
    """Open the newest mail in the admin, once the worker has sent it."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        page.goto("/admin/emails?state=sent")
        links = page.locator("tbody a[href*='/admin/emails/']")
        if links.count():
            links.first.click()
            page.frame_locator("iframe").locator("body").wait_for()
            return
        time.sleep(0.5)
    sys.exit("The worker did not send the mail.")


def open_user(page: Page) -> None:
    """Open the page of the newest made-up user."""
    page.goto("/admin/users")
    page.locator("tbody tr", has_text="@example.com").filter(has_not_text=ADMIN).first.locator(
        "a"
    ).first.click()
    page.wait_for_load_state()


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        sys.exit("Install Chromium: apt-get install chromium")
    with application() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        size = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_context(base_url=url, viewport=size).new_page()
        page.set_default_timeout(1000 * WAIT)
        page.goto("/")
        take(page, "home")
        sign_in(page)
        invite(page, "Ada", "Lovelace")
        invite(page, "Grace", "Hopper")
        open_sent_mail(page)
        take(page, "email")
        open_user(page)
        take(page, "user")
        page.goto("/admin/users")
        take(page, "users")
        page.goto("/admin/")
        take(page, "dashboard")
        browser.close()


if __name__ == "__main__":
    main()
