"""Who may use the console: token, session, forms, read-only mode, other origins; and a browser without scripts."""

import re

import pytest
import requests
from conftest import submit
from playwright.sync_api import expect

TOKEN = "control-token-1"


def form_token(text):
    return re.search('name="form_token" value="([^"]+)"', text).group(1)


def test_login_is_required_and_leads_back(start, open_page):
    server = start(token=TOKEN)
    page = open_page(server, "/accounts/dev/tickets?view=open")
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_label("Control token").fill("wrong-token-1")
    submit(page.get_by_role("button", name="Log in"))
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Control token").fill(TOKEN)
    submit(page.get_by_role("button", name="Log in"))
    expect(page).to_have_url(f"{server.url}/accounts/dev/tickets?view=open")
    cookie = next(cookie for cookie in page.context.cookies() if "session" in cookie["name"])
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert TOKEN not in str(page.context.cookies())
    page.goto("/accounts/dev/requests")
    expect(page.get_by_text("Live.", exact=True)).to_be_visible()
    submit(page.get_by_role("button", name="Log out"))
    page.goto("/accounts/dev/requests")
    expect(page).to_have_url(re.compile("/login"))


@pytest.mark.parametrize("next_path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_login_leads_only_to_pages_of_the_server(start, next_path):
    server = start(token=TOKEN)
    session = requests.Session()
    page = session.get(f"{server.url}/login", params={"next": next_path}, timeout=30)
    data = {"form_token": form_token(page.text), "token": TOKEN, "next": next_path}
    response = session.post(f"{server.url}/login", data=data, allow_redirects=False, timeout=30)
    assert response.status_code == 303
    target = requests.compat.urljoin(f"{server.url}/login", response.headers["location"])
    assert target.startswith(f"{server.url}/"), target


def test_every_page_needs_the_session_and_every_form_its_token(start):
    server = start(token=TOKEN)
    for path in ["/", "/accounts/dev/requests", "/accounts/dev/requests/stream", "/accounts/dev/export.json", "/unauthorized", "/status"]:
        response = requests.get(f"{server.url}{path}", allow_redirects=False, timeout=30)
        assert (response.status_code, "login" in response.headers["location"]) == (303, True), path
    public = requests.get(f"{server.url}/docs", timeout=30)
    assert public.ok
    headers = {"Authorization": f"Bearer {TOKEN}"}
    page = requests.get(f"{server.url}/accounts/dev/clock", headers=headers, timeout=30)
    assert page.ok
    post = lambda data, **more: requests.post(f"{server.url}/accounts/dev/clock", data=data, allow_redirects=False, timeout=30, **more)
    fields = {"mode": "advance", "by": "1h"}
    token = form_token(page.text)
    assert post({**fields, "form_token": token}).status_code == 401
    assert post(fields, headers=headers).status_code == 403
    for wrong in ["x" + token, form_token(public.text)]:
        assert post({**fields, "form_token": wrong}, headers=headers).status_code == 403
    foreign = {**headers, "Origin": "https://evil.example"}
    assert post({**fields, "form_token": token}, headers=foreign).status_code == 403
    assert post({**fields, "form_token": token}, headers={**headers, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert post({**fields, "form_token": token}, headers=headers).status_code == 303


def test_foreign_host_cannot_read_the_console(server):
    for host, status in [("evil.example", 403), ("localhost:1", 200)]:
        response = requests.get(f"{server.url}/", headers={"Host": host}, timeout=30)
        assert response.status_code == status, host


def test_read_only_console_changes_nothing(start, open_page):
    server = start("--console", "read-only")
    page = open_page(server, "/accounts/dev/tickets/1")
    expect(page.get_by_text("read-only")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    data = {"form_token": form_token(page.content()), "mode": "advance", "by": "1h"}
    response = requests.post(f"{server.url}/accounts/dev/clock", data=data, timeout=30)
    assert response.status_code == 405
    assert "--console read-only" in response.text
    assert server.control("GET", "accounts/dev/clock").json()["mode"] == "real"
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_console_can_be_off(start):
    server = start("--console", "off")
    for path in ["/accounts/dev/requests", "/docs", "/login", "/status"]:
        assert requests.get(f"{server.url}{path}", timeout=30).status_code == 404, path
    assert requests.get(f"{server.url}/", timeout=30).json()["openapi"] == "3.1.0"
    assert server.send("GET", "ticket").ok


def test_numbers_of_pages_are_bounded(server):
    for path in ["/?page=", "/accounts/dev/tickets?start=", "/accounts/dev/requests?before="]:
        for number in [0, 2**53, 2**63 - 1, 2**64 - 1, 2**64]:
            response = requests.get(f"{server.url}{path}{number}", timeout=30)
            assert response.status_code in (200, 400), (path, number, response.status_code)


def test_message_is_not_shown_by_a_server_on_another_port(start):
    one, other = start(), start()
    session = requests.Session()
    token = form_token(session.get(f"{one.url}/accounts/dev/snapshots", timeout=30).text)
    fields = {"form_token": token, "snapshot": "before-last-change"}
    session.post(f"{one.url}/accounts/dev/reset", data=fields, headers={"Origin": one.url}, timeout=30, allow_redirects=False)
    assert "was reset" not in session.get(f"{other.url}/", timeout=30).text
    assert "was reset" in session.get(f"{one.url}/", timeout=30).text
    fields["snapshot"] = "../other"
    response = session.post(f"{one.url}/accounts/dev/undo", data=fields, headers={"Origin": one.url}, timeout=30)
    assert response.status_code == 400


def test_everything_works_without_a_script(server, open_page):
    page = open_page(server, "/accounts/dev/requests", java_script_enabled=False)
    server.create_ticket("Refund")
    page.reload()
    page.get_by_role("link", name="create").click()
    submit(page.get_by_role("button", name="Fail with 503"))
    assert server.send("POST", "ticket", data={}).status_code == 503
    page.get_by_role("link", name="Tickets").click()
    page.get_by_role("link", name="Refund").click()
    page.get_by_label("Priority").select_option("urgent")
    submit(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("status")).to_contain_text("Priority of 1 ticket set to urgent.")
    page.get_by_text("Delete …").click()
    submit(page.get_by_role("button", name="Delete ticket 3"))
    submit(page.get_by_role("button", name="Undo", exact=True))
    assert server.send("GET", "ticket/3").ok
    page.get_by_label("Search accounts, tickets and pages").fill("acme")
    page.get_by_label("Search accounts, tickets and pages").press("Enter")
    page.get_by_role("link", name="acme account").click()
    expect(page).to_have_url(f"{server.url}/accounts/acme/requests")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page).to_have_url(f"{server.url}/accounts/acme/requests")


def test_unknown_pages_are_pages(server, open_page):
    for path, status in [("/accounts/dev/nothing", 404), ("/accounts/dev/a/b/c", 404), ("/accounts/nobody/tickets", 404),
                         ("/accounts/dev/requests/abc", 400), ("/accounts/dev/tickets?start=-1", 400), ("/docs/nothing", 404)]:
        response = requests.get(f"{server.url}{path}", timeout=30)
        assert (response.status_code, response.headers["content-type"]) == (status, "text/html; charset=utf-8"), path
    page = open_page(server, "/accounts/dev/")
    expect(page).to_have_url(f"{server.url}/accounts/dev/requests")


def test_policy_forbids_scripts_in_pages_and_other_hosts(server):
    for path in ["/", "/docs", "/accounts/dev/tickets/1", "/accounts/nobody/tickets"]:
        response = requests.get(f"{server.url}{path}", timeout=30)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, path
        assert response.headers["cache-control"] == "no-store", path
        assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=", response.text), path
