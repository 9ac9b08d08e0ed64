"""A user's way with the account: join, secure it, sign in each way, lose the device, come back."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.features.oauth.tests.browser.test_oauth import (
    MANAGE,
    approve,
    leave,
    see,
    settings_of,
)
from app.features.oauth.tests.support import Server, run_server
from app.features.passkeys.tests.browser.test_passkeys import Device
from app.features.two_factor.tests.browser.test_two_factor import enter
from app.kit.storage.bucket import Bucket
from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, PASSWORD, follow_mail, sign_in, sign_out
from tests.fixtures.s3 import BUCKET, KEY, SECRET
from tests.running_kit import running_kit
from tests.support import needs

pytestmark = [
    pytest.mark.browser,
    needs("approval", "devtools", "magic_link", "own_data", "profile", "roles"),
]

EMAIL = "katherine@example.com"
PUT = """async ([url, type]) => {
    const headers = {"Content-Type": type};
    return (await fetch(url, {method: "PUT", body: "hello", headers})).status;
}"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Server]:
    """Run a provider of OpenID Connect."""
    with run_server() as server:
        yield server


@pytest.fixture(scope="module")
def kit(
    tmp_path_factory: pytest.TempPathFactory,
    s3_url: str,
    bucket_of_tests: Bucket,
    provider: Server,
) -> Iterator[str]:
    """Run the app with a provider, its files in a bucket, approvals, and mails to sign in with."""
    settings = {
        **settings_of(provider),
        "S3_BUCKET": BUCKET,
        "S3_ENDPOINT": s3_url,
        "S3_ACCESS_KEY": KEY,
        "S3_SECRET_KEY": SECRET,
        "APPROVE_REGISTRATIONS": "True",
        "SIGN_IN_BY_MAIL": "True",
    }
    with running_kit(tmp_path_factory.mktemp("own-account"), **settings) as address:
        yield address


@pytest.fixture
def admin(chromium: Browser, kit: str) -> Iterator[Page]:
    """Return a page in the browser of an administrator."""
    context = chromium.new_context(base_url=kit)
    page = context.new_page()
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    yield page
    context.close()


def join(page: Page, admin: Page, device: Device) -> str:
    """Register with a passkey, confirm, wait and be approved. Return the user's admin URL."""
    device.turn(on=False)  # The sign-in page would ask it at once.
    page.goto("/account/register")
    page.get_by_role("link", name="Continue with a passkey").click()
    page.locator("#first_name").fill("Katherine")
    page.locator("#last_name").fill("Johnson")
    page.locator("#email").fill(EMAIL)
    page.get_by_role("button", name="Create account").click()
    follow_mail(page, EMAIL, "onfirm")
    device.turn(on=True)
    page.get_by_role("button", name="Create a passkey").click()
    page.wait_for_url("**/account/awaiting-approval")
    examine(page)
    admin.goto("/admin/registrations")
    examine(admin)
    admin.get_by_role("link", name="Katherine Johnson").click()
    admin.wait_for_url("**/admin/user/*")
    url = admin.url
    admin.get_by_role("button", name="Approve").first.click()
    expect(admin.get_by_text("is approved, and notified by email")).to_be_visible()
    page.goto("/account/manage/change-password")
    page.locator("#new_password").fill(PASSWORD)
    page.locator("#new_password2").fill(PASSWORD)
    page.locator("#submit").click()
    see(page, "Your password is changed.")
    return url


def set_up_app(page: Page) -> tuple[str, list[str]]:
    """Set up an app, and return its secret and the recovery codes."""
    secret = page.locator(".qr-secret").inner_text().replace(" ", "")
    enter(page, pytest.importorskip("pyotp").TOTP(secret).now())
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    codes = page.locator(".recovery-codes li").all_inner_texts()
    examine(page)
    page.get_by_role("link", name="I have saved them").click()
    return secret, codes


def link(page: Page) -> None:
    page.goto(MANAGE)
    leave(page, "Link Acme")
    approve(page)
    see(page, "Your account of Acme is linked.")


def next_code(secret: str) -> str:
    """Return the code after the present one, which is not used yet."""
    code: str = pytest.importorskip("pyotp").TOTP(secret).at(int(time.time()) + 30)
    return code


def is_signed_in(page: Page) -> None:
    expect(page.get_by_text("You are signed in.")).to_be_visible()
    sign_out(page)


def use_passkey(page: Page, device: Device) -> None:
    """Take the second step with a passkey in place of the app."""
    page.wait_for_url("**/second-step")
    page.get_by_role("link", name="Use a passkey").click()
    device.turn(on=True)
    page.get_by_role("button", name="Use a passkey").click()


def sign_in_each_way(page: Page, device: Device, secret: str) -> None:
    device.turn(on=False)
    sign_in(page, EMAIL, PASSWORD)
    page.wait_for_url("**/second-step")
    examine(page)
    enter(page, next_code(secret))
    is_signed_in(page)

    page.goto("/account/login")
    leave(page)
    approve(page)
    use_passkey(page, device)
    is_signed_in(page)
    device.turn(on=False)

    page.goto("/account/sign-in-by-mail")
    page.locator("#email").fill(EMAIL)
    page.locator("#submit").click()
    page.wait_for_url("**/account/sign-in-code")
    examine(page)
    follow_mail(page, EMAIL, "link to sign in")
    examine(page)
    page.locator("#submit").click()
    use_passkey(page, device)
    is_signed_in(page)

    page.goto("/account/login")  # the autofill of the browser signs in
    is_signed_in(page)


def upload(page: Page, bucket: Bucket, folder: Path) -> None:
    """Crop and save a picture, which lies in the bucket, and send a file to the bucket itself."""
    image = pytest.importorskip("PIL.Image").new("RGB", (600, 300), "teal")
    image.save(folder / "me.png")
    page.goto("/account/manage/picture")
    page.locator("#picture").set_input_files(folder / "me.png")
    expect(page.locator("[data-crop-area]")).to_be_visible()
    page.locator("[data-crop-area]").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Save picture").click()
    expect(page.get_by_text("Your picture is changed.")).to_be_visible()
    found = bucket.client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert sum(".256" in one["Key"] for one in found) == 1

    kind = "text/plain"
    url = bucket.upload_url("direct/hello", len("hello"), kind, 60)
    assert page.evaluate(PUT, [url, kind]) == 200
    assert bucket.size("direct/hello") == len("hello")


def download(page: Page) -> set[str]:
    """Collect the own data, and return the names of its files."""
    page.goto("/account/manage/data")
    page.get_by_role("button", name="Collect my data").click()
    follow_mail(page, EMAIL, "data")
    examine(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        return set(archive.namelist())


def replace_lost_app(page: Page, code: str) -> None:
    """Take a new app with a recovery code, in place of the lost one."""
    page.goto("/account/manage/two-factor")
    page.get_by_role("link", name="Replace").click()
    examine(page)
    page.locator("#proof").fill(code)
    set_up_app(page)
    expect(page.get_by_text("10 codes are left.")).to_be_visible()


def test_a_user_secures_the_account_loses_the_device_and_comes_back(
    page: Page, admin: Page, bucket_of_tests: Bucket, tmp_path: Path, provider: Server
) -> None:
    provider.behave(asks=True)
    device = Device(page)
    url = join(page, admin, device)
    page.goto("/account/manage/two-factor/set-up")
    secret, codes = set_up_app(page)
    link(page)
    sign_out(page)
    sign_in_each_way(page, device, secret)

    device.turn(on=False)  # lost, and the phone as well
    sign_in(page, EMAIL, PASSWORD)
    page.get_by_role("link", name="Use a recovery code").click()
    examine(page)
    enter(page, codes[7])
    expect(page.get_by_text("You are signed in.")).to_be_visible()
    replace_lost_app(page, codes[3])
    page.goto(MANAGE)
    page.get_by_role("link", name="Unlink").click()
    page.get_by_role("button", name="Unlink the account").click()
    see(page, "Your account of Acme is unlinked.")
    upload(page, bucket_of_tests, tmp_path)
    names = {"account.json", "passkeys.json", "two_factor.json", "picture.webp"}
    assert names <= download(page)

    admin.goto("/admin/roles")
    admin.get_by_role("link", name="User", exact=True).first.click()
    admin.get_by_role("button", name="Require", exact=True).click()
    expect(admin.get_by_text("now requires two-factor authentication")).to_be_visible()
    for path in ("reset-two-factor", "reset-passkeys"):
        admin.goto(f"{url}/{path}")
        admin.locator("main button[type=submit]").first.click()
        expect(admin.get_by_role("heading", name="Katherine Johnson")).to_be_visible()
    page.goto("/account/")
    page.wait_for_url("**/account/login**")
    sign_in(page, EMAIL, PASSWORD)
    page.wait_for_url("**/account/manage/two-factor/set-up")
    expect(page.get_by_role("link", name="add a passkey")).to_be_visible()
    set_up_app(page)
    page.goto("/account/")
    page.wait_for_url("**/account/")
