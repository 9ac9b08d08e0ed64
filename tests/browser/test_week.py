"""An administrator's week: an import, an invitation, roles, bulk actions and an impersonation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from config import DEVELOPMENT_ADMIN_PASSWORD
from tests.browser.axe import examine
from tests.browser.support import ADMIN, PASSWORD, follow_mail, sign_in
from tests.support import needs

pytestmark = pytest.mark.browser

PEOPLE = """Email;First name;Last name;Role
ada@week.example.com;Ada;Lovelace;User
katherine@week.example.com;Katherine;Johnson;User
no address;Bad;Line;User
annie@week.example.com;Annie;Easley;Nobody's role
ada@week.example.com;Ada;Again;User
dorothy@week.example.com;Dorothy;Vaughan;User
"""


@pytest.fixture
def administrator(page: Page) -> Page:
    sign_in(page, ADMIN, DEVELOPMENT_ADMIN_PASSWORD)
    page.wait_for_url("**/admin/")
    return page


def row(page: Page, text: str) -> Locator:
    return page.locator("tbody tr", has_text=text)


def open_person(page: Page, email: str) -> None:
    page.goto(f"/admin/users?search={email}")
    row(page, email).locator("a.row-link").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def press(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("main").get_by_role("button", name=name).first.click()


@needs("audit", "bulk", "deletion", "devtools", "impersonation", "imports", "invitations", "roles")
def test_an_administrators_week(
    administrator: Page, chromium: Browser, kit: str, tmp_path: Path
) -> None:
    page = administrator

    # Monday: import users from a file with errors.
    page.goto("/admin/users/import")
    file = tmp_path / "people.csv"
    file.write_bytes(PEOPLE.encode("utf-16"))
    page.locator("input[type=file]").set_input_files(file)
    press(page, re.compile("Upload|Continue"))
    expect(page.get_by_role("heading", name="How the file reads")).to_be_visible()
    examine(page)
    press(page, re.compile("Check"))
    problems = page.locator("section", has_text="Problems").locator("tbody tr")
    expect(problems).to_have_count(3)
    assert re.findall(r"^\s*(\d+)", "\n".join(problems.all_inner_texts()), re.MULTILINE) == [
        "4",
        "5",
        "6",
    ]
    examine(page)
    page.get_by_role("link", name=re.compile("Leave|without|Import")).last.click()
    press(page, re.compile("Import"))
    expect(page.get_by_text("Result of each line")).to_be_visible()

    # Tuesday: search as the user types, with the search in the URL.
    page.goto("/admin/users")
    page.locator("#search").press_sequentially("OHNSON")
    expect(row(page, "katherine@week.example.com")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("search=OHNSON"))
    page.go_back()
    page.reload()

    # Create a role with two permissions, and invite a user with it.
    page.goto("/admin/roles/new")
    page.locator("#name").fill("Support")
    page.get_by_label(re.compile("^General")).check()
    page.get_by_label(re.compile("^Manage users")).check()
    examine_open_form(page)
    press(page, re.compile("Create|Save|Make"))
    page.goto("/admin/invite-user")
    page.locator("#role").select_option(label="Support")
    page.locator("#first_name").fill("Grace")
    page.locator("#last_name").fill("Hopper")
    page.locator("#email").fill("grace@week.example.com")
    press(page, "Send invitation")
    page.goto("/admin/invitations")
    expect(row(page, "grace@week.example.com")).to_contain_text("Support")

    # Grace accepts, and sees the users but no roles.
    other = chromium.new_context(base_url=kit)
    grace = other.new_page()
    follow_mail(grace, "grace@week.example.com", "")
    grace.locator("#password").fill(PASSWORD)
    grace.locator("#password2").fill(PASSWORD)
    grace.locator("main form [type=submit]").click()
    expect(grace.get_by_role("heading", level=1)).to_have_text(re.compile("Sign in"))
    sign_in(grace, "grace@week.example.com", PASSWORD)
    expect(grace.get_by_text("You are signed in.")).to_be_visible()
    grace.goto("/admin/users")
    expect(grace.get_by_role("heading", level=1)).to_have_text("People")
    expect(grace.locator("aside a", has_text="Roles")).to_have_count(0)
    assert grace.goto("/admin/roles").status == 403

    # Wednesday: suspend the three imported users at once; the page lists the excluded users.
    page.goto("/admin/users?search=week.example.com")
    page.locator("[data-check-all]").check()
    page.locator("#bulk-action").select_option("suspend")
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Suspend")
    examine(page)
    press(page, re.compile("^Suspend"))
    expect(page.get_by_text("Finished").first).to_be_visible()
    page.goto("/admin/users?search=week.example.com&status=suspended")
    expect(row(page, "dorothy@week.example.com")).to_be_visible()
    grace.reload()
    expect(grace).to_have_url(re.compile("/account/login"))

    # Thursday: reactivate Grace, and impersonate her to see her pages.
    open_person(page, "grace@week.example.com")
    page.get_by_role("link", name=re.compile("Reactivate")).first.click()
    press(page, re.compile("Reactivate"))
    open_person(page, "grace@week.example.com")
    examine(page)
    page.get_by_role("link", name=re.compile("Sign in as")).click()
    page.locator("#password").fill(DEVELOPMENT_ADMIN_PASSWORD)
    press(page, re.compile("Sign in as"))
    banner = page.locator("aside.acting")
    expect(banner).to_contain_text("Signed in as Grace Hopper")
    examine(page, "/admin/users")
    assert page.goto("/account/manage/change-password").status == 403
    expect(page.locator("aside.acting")).to_be_visible()
    page.locator("aside.acting").get_by_role("button").click()
    expect(page.locator("aside.acting")).to_have_count(0)

    # Friday: delete Dorothy by mistake, and restore her.
    open_person(page, "dorothy@week.example.com")
    page.get_by_role("link", name=re.compile("^Delete")).first.click()
    press(page, re.compile("^Delete"))
    page.goto("/admin/users?search=dorothy@week.example.com")
    expect(row(page, "dorothy@week.example.com")).to_have_count(0)
    page.goto("/admin/users?search=dorothy@week.example.com&status=deleted")
    row(page, "dorothy@week.example.com").locator("a.row-link").click()
    page.get_by_role("link", name=re.compile("^Restore")).first.click()
    press(page, re.compile("^Restore"))
    page.goto("/admin/users?search=dorothy@week.example.com")
    expect(row(page, "dorothy@week.example.com")).to_be_visible()

    # All actions are in the audit trail.
    page.goto("/admin/audit")
    table = page.locator("table")
    for action in ("Restored", "Deleted", "Signed in as", "Reactivated"):
        expect(table).to_contain_text(re.compile(action, re.IGNORECASE))
    page.locator("tbody a.row-link").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    examine(page)
    other.close()


def examine_open_form(page: Page) -> None:
    """Run axe without reloading the page, which would lose the input."""
    address = page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], (
        address
    )
