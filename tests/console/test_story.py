"""What a developer does with the console, in Chromium."""

import json
import os
import re
import subprocess
import sys

import pytest
import requests
from conftest import submit
from playwright.sync_api import expect


def test_account_is_created_and_its_key_works(server, open_page):
    page = open_page(server)
    page.get_by_label("Name").fill("shop")
    page.get_by_label("Starts from").fill("empty")
    submit(page.get_by_role("button", name="Create"))
    variables = page.get_by_label("variables").inner_text()
    key = re.search("OMNIDESK_API_KEY=(.+)", variables).group(1)
    base_url = re.search("OMNIDESK_BASE_URL=(.+)", variables).group(1)
    assert requests.get(f"{base_url}/api/v2/ticket", headers={"apiKey": key}, timeout=30).json()["itemTotal"] == 0
    page.get_by_role("link", name="Watch its requests").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.goto("/docs/ticketIndexGET")
    assert key in page.locator("#keys option").evaluate_all("options => options.map((option) => option.value)")
    page.goto("/accounts/shop/snapshots")
    page.get_by_label("Type the name of the account").fill("shup")
    submit(page.get_by_role("button", name="Delete shop"))
    expect(page.get_by_text("Type the name of the account, shop, to delete it")).to_be_visible()
    page.go_back()
    page.get_by_label("Type the name of the account").fill("shop")
    submit(page.get_by_role("button", name="Delete shop"))
    expect(page.get_by_role("status")).to_contain_text("The account shop was deleted")


def test_request_appears_live_and_can_be_paused(server, open_page):
    page = open_page(server, "/accounts/dev/requests")
    expect(page.get_by_text("No request yet")).to_be_visible()
    expect(page.get_by_text("Live.", exact=True)).to_be_visible()
    server.send("GET", "ticket")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("[data-live-state]")).to_have_text("Live. 1 new request.")
    page.get_by_role("button", name="Pause").click()
    server.send("GET", "ticket/1")
    server.create_ticket()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody tr").first).to_contain_text("create")
    # The filters of the page are those of the stream.
    page.get_by_role("combobox", name="Status").fill("4xx")
    submit(page.get_by_role("button", name="Filter"))
    expect(page.get_by_text("Live.", exact=True)).to_be_visible()
    server.send("GET", "ticket/1")
    server.send("GET", "ticket/99")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("400")


def test_flood_of_requests_shows_the_newest(server, open_page):
    page = open_page(server, "/accounts/dev/requests")
    expect(page.get_by_text("Live.", exact=True)).to_be_visible()
    session = requests.Session()
    for _ in range(300):
        session.get(f"{server.url}/api/v2/ticket/1", headers={"apiKey": "dev-key"}, timeout=30)
    server.send("GET", "ticket/2")
    expect(page.locator("tbody tr").first).to_contain_text("301")
    assert page.locator("tbody tr").count() <= 301


def test_mark_hides_earlier_requests(server, open_page):
    server.send("GET", "ticket")
    page = open_page(server, "/accounts/dev/requests")
    page.get_by_role("link", name="Mark here").click()
    expect(page.locator("tbody tr")).to_have_count(0)
    server.send("GET", "ticket/1")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Remove the mark").click()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_request_leads_to_its_ticket_and_the_copied_test_passes(server, open_page, tmp_path):
    ticket = server.create_ticket("Refund for order 1183", fromName="Eve's", note="unknown")
    server.send("PUT", f"ticket/{ticket}", data={"status": "solved"})
    server.send("PUT", f"ticket/{ticket}", data={"status": "reopened"})
    page = open_page(server, "/accounts/dev/requests")
    page.get_by_role("link", name="create").click()
    expect(page.get_by_role("heading", name="Request 1")).to_be_visible()
    expect(page.get_by_text("unknown-field")).to_be_visible()
    expect(page.get_by_role("cell", name="Eve's")).to_have_count(2)
    page.get_by_role("link", name="Next of this ticket").click()
    status = page.locator("tr", has=page.get_by_role("rowheader", name="status", exact=True)).first
    expect(status).to_have_text("statusnewsolved")
    page.get_by_role("link", name="Next of this ticket").click()
    expect(page.get_by_text("Documented: v1 documents, Ticket.")).to_be_visible()
    page.get_by_role("link", name="Previous of this ticket").click()
    page.locator("summary", has_text="pytest").click()
    (tmp_path / "test_copied.py").write_text(page.get_by_label("pytest", exact=True).inner_text())
    environment = {"OMNIDESK_BASE_URL": server.url, "OMNIDESK_API_KEY": "dev-key", "PATH": "/usr/bin:/bin"}
    copied = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_copied.py"], cwd=tmp_path,
        env=environment, capture_output=True, text=True, timeout=120)
    assert copied.returncode == 0, copied.stdout
    page.get_by_role("link", name=str(ticket), exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Refund for order 1183")
    expect(page.get_by_role("region", name="Requests about it")).to_contain_text("ticket.update")


def copy_snippet(page, title):
    page.locator("summary", has_text=title).click()
    return page.get_by_label(title, exact=True).inner_text()


def test_copied_code_works_in_every_language(server, open_page, tmp_path):
    server.send("POST", "ticket/batch", json={"TicketIDs": "1,2", "actions": [{"actionType": "title", "value": "It's \"$1\" ü"}]})
    server.send("GET", "ticket", params={"query": "It's \"$1\"", "status": "open"})
    environment = {"OMNIDESK_BASE_URL": server.url, "OMNIDESK_API_KEY": "dev-key", "PATH": os.environ["PATH"]}

    def run(*command):
        process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    console = "/usr/share/java/junit-platform-console-standalone.jar"
    for seq, words in [(1, "1 action performed on 2 tickets."), (2, '"itemTotal":1')]:
        page = open_page(server, f"/accounts/dev/requests/{seq}")
        assert words in run("bash", "-c", copy_snippet(page, "curl"))
        pattern = json.loads(copy_snippet(page, "verify: body for POST …/verify"))
        assert server.control("POST", "accounts/dev/verify", json={**pattern, "count": {"at_least": 2}}).ok
        wait = copy_snippet(page, "wait: path of the control API")
        assert requests.get(server.url + wait, headers={"apiKey": "dev-key"}, timeout=30).ok
        (tmp_path / "copied.test.mjs").write_text(copy_snippet(page, "Node: node:test"))
        run("node", "--test", "copied.test.mjs")
        (tmp_path / "RecordedRequestTest.java").write_text(copy_snippet(page, "JUnit 5"))
        run("javac", "-cp", console, "RecordedRequestTest.java")
        run("java", "-jar", console, "--class-path", ".", "--select-class", "RecordedRequestTest", "--fail-if-no-tests")


def test_ticket_is_changed_by_hand_and_verifications_ignore_it(server, open_page):
    page = open_page(server, "/accounts/dev/tickets/1")
    page.get_by_label("Status").select_option("solved")
    page.get_by_label("Group").select_option(label="Service")
    submit(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("status")).to_contain_text("2 actions performed on 1 ticket.")
    expect(page.get_by_text("Status set to solved", exact=True)).to_be_visible()
    expect(page.locator(".event", has_text="Assigned to Service")).to_contain_text("api: console")
    assert server.send("GET", "ticket/1").json()["item"]["status"] == "solved"
    entry = server.control("GET", "accounts/dev/requests").json()["requests"][0]
    assert (entry["console"], entry["key"], entry["operation"]) == (True, "console", "ticket.batch")
    server.control("POST", "accounts/dev/verify", json={"operation": "batch", "count": {"never": True}})
    page.get_by_role("link", name="Requests").click()
    expect(page.locator("tbody tr", has_text="batch")).to_contain_text("console")


def test_strict_account_accepts_the_changes_of_the_console(server, open_page):
    server.control("PUT", "accounts/dev/strict", json={"strict": True})
    page = open_page(server, "/accounts/dev/tickets/1")
    for label, value in [("Status", "pending"), ("Priority", "low"), ("Title", "It's \"new\" ü & =")]:
        field = page.get_by_label(label)
        field.fill(value) if label == "Title" else field.select_option(value)
        submit(page.get_by_role("button", name="Save"))
        expect(page.get_by_role("status")).to_contain_text("1 ticket")
    item = server.send("GET", "ticket/1").json()["item"]
    assert (item["status"], item["priority"], item["title"]) == ("pending", "low", "It's \"new\" ü & =")
    entries = server.control("GET", "accounts/dev/requests").json()["requests"]
    kinds = {warning["kind"] for entry in entries for warning in entry["warnings"]}
    assert kinds <= {"no-documented-way"}, kinds


def test_several_tickets_are_changed_and_it_is_undone(server, open_page):
    page = open_page(server, "/accounts/dev/tickets")
    expect(page.get_by_role("link", name="pending 1")).to_be_visible()
    page.get_by_label("Select ticket 1").check()
    page.get_by_label("Select ticket 2").check()
    page.get_by_label("Status").select_option("closed")
    submit(page.get_by_role("button", name="Apply"))
    expect(page.get_by_role("status")).to_contain_text("Status of 2 tickets set to closed.")
    expect(page.get_by_role("link", name="closed 2")).to_be_visible()
    submit(page.get_by_role("button", name="Undo", exact=True))
    expect(page.get_by_role("link", name="pending 1")).to_be_visible()
    page.get_by_role("link", name="Parcels").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("searchbox", name="Search", exact=True).fill("no such ticket")
    submit(page.get_by_role("button", name="Search"))
    expect(page.get_by_text("No ticket here.")).to_be_visible()


def test_ticket_is_deleted_and_it_is_undone(server, open_page):
    page = open_page(server, "/accounts/dev/tickets/2")
    page.get_by_text("Delete …").click()
    submit(page.get_by_role("button", name="Delete ticket 2"))
    expect(page.get_by_role("status")).to_contain_text("Ticket 2 was deleted.")
    assert server.send("GET", "ticket/2").status_code == 400
    submit(page.get_by_role("button", name="Undo", exact=True))
    assert server.send("GET", "ticket/2").status_code == 200


def test_next_request_fails_as_armed(server, open_page):
    server.send("PUT", "ticket/1", data={"title": "First"})
    page = open_page(server, "/accounts/dev/requests/1")
    expect(page.get_by_role("heading", name="The next ticket.update of ticket 1")).to_be_visible()
    submit(page.get_by_role("button", name="Drop the response"))
    expect(page.get_by_role("status")).to_contain_text("The fault is armed")
    page.get_by_role("link", name="Faults").click()
    expect(page.locator("tbody tr")).to_contain_text("ticketID = 1")
    assert server.send("PUT", "ticket/2", data={"title": "Other"}).ok
    try:
        server.send("PUT", "ticket/1", data={"title": "Second"})
        raise AssertionError("the response is dropped")
    except requests.ConnectionError:
        pass
    assert server.send("GET", "ticket/1").json()["item"]["title"] == "Second"
    page.reload()
    expect(page.locator("tbody td.number").nth(2)).to_have_text("1")
    expect(page.locator("tbody tr")).to_contain_text("used up")
    submit(page.get_by_role("button", name="Remove all"))
    submit(page.get_by_role("button", name="down"))
    assert server.send("GET", "ticket").status_code == 503
    submit(page.get_by_role("button", name="Remove rule 2"))
    page.get_by_label("Operation").select_option("ticket.list")
    page.get_by_label("Value").fill("418")
    submit(page.get_by_role("button", name="Arm"))
    assert [server.send("GET", "ticket").status_code for _ in range(2)] == [418, 200]


def test_five_minutes_of_a_new_user(server, open_page):
    ticket = server.create_ticket("Refund", titel="Refund!")
    page = open_page(server)
    clicks = 0

    def click(locator):
        nonlocal clicks
        clicks += 1
        submit(locator)

    click(page.get_by_role("link", name="dev", exact=True))
    expect(page.locator("tbody tr", has_text="create")).to_contain_text("2 warnings")
    click(page.get_by_role("link", name="create"))
    expect(page.get_by_text("Nearest name: title.")).to_be_visible()
    click(page.get_by_role("link", name=str(ticket), exact=True))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Refund")
    click(page.get_by_role("button", name="Drop the response"))
    try:
        server.send("PUT", f"ticket/{ticket}", data={"title": "Refund paid"})
        raise AssertionError("the response is dropped")
    except requests.ConnectionError:
        pass
    click(page.get_by_role("link", name="Requests", exact=True))
    expect(page.locator("tbody tr").first).to_contain_text("drop_response")
    click(page.get_by_role("link", name="Snapshots"))
    click(page.get_by_role("button", name="Reset the account"))
    assert server.send("GET", f"ticket/{ticket}").status_code == 400
    assert server.control("GET", "accounts/dev/faults").json() == {"faults": []}
    submit(page.get_by_role("button", name="Undo", exact=True))
    assert server.send("GET", f"ticket/{ticket}").json()["item"]["title"] == "Refund paid"
    assert clicks == 7


def test_clock_is_frozen_and_advanced(server, open_page):
    page = open_page(server, "/accounts/dev/clock")
    page.get_by_label("Freeze at").fill("2026-03-01T12:00:00Z")
    submit(page.get_by_role("button", name="Freeze"))
    submit(page.get_by_role("button", name="1 day"))
    expect(page.locator(".clock")).to_have_text("2026-03-02 12:00:00.000")
    ticket = server.create_ticket()
    assert server.send("GET", f"ticket/{ticket}").json()["item"]["created_at"] == "2026-03-02 12:00:00"
    page.get_by_label("Freeze at").fill("yesterday")
    submit(page.get_by_role("button", name="Freeze"))
    expect(page.get_by_text('"yesterday" was sent')).to_be_visible()


def test_snapshot_is_compared_and_restored(server, open_page):
    page = open_page(server, "/accounts/dev/snapshots")
    page.get_by_label("Name", exact=True).fill("before")
    submit(page.get_by_role("button", name="Save a snapshot"))
    server.send("PUT", "ticket/1", data={"title": "Changed"})
    server.send("DELETE", "ticket/2")
    ticket = server.create_ticket("New")
    page.get_by_role("link", name="Compare with now").click()
    expect(page.locator("section", has_text="Created 1").get_by_role("link")).to_have_text(str(ticket))
    expect(page.get_by_text("Deleted 1")).to_be_visible()
    title = page.locator("tr", has=page.get_by_role("rowheader", name="title", exact=True))
    expect(title).to_have_text("titleWhere is my parcel?Changed")
    page.get_by_role("link", name="All snapshots").click()
    submit(page.get_by_role("button", name="Restore before", exact=True))
    expect(page.get_by_role("status")).to_contain_text("The snapshot before was restored.")
    assert server.send("GET", "ticket/1").json()["item"]["title"] == "Where is my parcel?"
    submit(page.get_by_role("button", name="Undo", exact=True))
    assert server.send("GET", "ticket/1").json()["item"]["title"] == "Changed"
    # An undo can be undone, and so can a restore of the automatic snapshot.
    submit(page.get_by_role("button", name="Undo", exact=True))
    assert server.send("GET", "ticket/1").json()["item"]["title"] == "Where is my parcel?"
    submit(page.get_by_role("button", name="Restore before-last-change"))
    assert server.send("GET", "ticket/1").json()["item"]["title"] == "Changed"
    submit(page.get_by_role("button", name="Undo", exact=True))
    assert server.send("GET", "ticket/1").json()["item"]["title"] == "Where is my parcel?"
    submit(page.get_by_role("button", name="Undo", exact=True))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download before", exact=True).click()
    saved = json.loads(download.value.path().read_text())
    assert saved["accounts"]["dev"]["tickets"][0]["title"] == "Where is my parcel?"
    assert len(server.control("GET", "accounts").json()["accounts"]) == 2, "the comparison leaves no account behind"


def test_keys_rate_limit_strict_mode_and_dialect_are_set(server, open_page):
    page = open_page(server, "/accounts/dev/keys")
    page.get_by_label("Name").fill("reader")
    page.get_by_label("TICKET_READ").check()
    submit(page.get_by_role("button", name="Create"))
    key = re.search("OMNIDESK_API_KEY=(.+)", page.get_by_label("variables").inner_text()).group(1)
    headers = {"apiKey": key}
    assert requests.delete(f"{server.url}/api/v2/ticket/1", headers=headers, timeout=30).status_code == 403
    page.get_by_role("link", name="Keys", exact=True).click()
    submit(page.get_by_role("button", name="Remove reader"))
    assert requests.get(f"{server.url}/api/v2/ticket", headers=headers, timeout=30).status_code == 401
    page.get_by_role("link", name="Faults").click()
    page.get_by_label("Reject every request that causes a warning").check()
    submit(page.get_by_role("button", name="Save"))
    assert server.send("PUT", "ticket/1", data={"note": "x"}).status_code == 400
    page.get_by_label("Requests").fill("2")
    page.get_by_label("per", exact=True).fill("1h")
    submit(page.get_by_role("button", name="Set", exact=True))
    server.send("GET", "ticket")
    page.reload()
    expect(page.locator("#rate-limit ~ table")).to_contain_text("1 left")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("unknown_ticket_status").select_option("404")
    submit(page.get_by_role("button", name="Save"))
    assert server.send("GET", "ticket/99").status_code == 404


def test_requests_without_a_known_key_have_a_hint_and_get_an_account(server, open_page):
    requests.get(f"{server.url}/api/v2/ticket", headers={"apiKey": "acme-key-2"}, timeout=30)
    page = open_page(server)
    page.get_by_role("link", name="Requests without a known key").click()
    expect(page.get_by_text("It differs in one character from the key acme of the account acme.")).to_be_visible()
    page.get_by_label("Key", exact=True).fill("acme-key-2")
    submit(page.get_by_role("button", name="Create"))
    assert requests.get(f"{server.url}/api/v2/ticket", headers={"apiKey": "acme-key-2"}, timeout=30).ok


def test_link_of_a_ticket_opens_it(server, open_page):
    url = server.send("GET", "ticket/1").json()["item"]["external_gui_url"]
    page = open_page(server, url)
    expect(page).to_have_url(f"{server.url}/accounts/dev/tickets/1")
    page.goto("/?ticketID=77")
    expect(page.get_by_text("No account has a ticket with this id.")).to_be_visible()


def test_palette_and_shortcuts_find_everything(server, open_page):
    server.send("GET", "ticket/1")
    server.send("GET", "ticket/2")
    page = open_page(server, "/accounts/dev/requests")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search")
    palette.get_by_role("searchbox").fill("2")
    expect(palette.get_by_role("link").first).to_contain_text("dev #2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/accounts/dev/tickets/2")
    page.keyboard.press("Control+k")
    palette.get_by_role("searchbox").fill("advance")
    expect(palette.get_by_role("link")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/accounts/dev/clock#advance")
    page.goto("/accounts/dev/requests")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.selected")).to_contain_text("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Request 1")).to_be_visible()
    page.goto("/accounts/dev/tickets")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_be_focused()
    page.keyboard.type("j?")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_have_value("j?")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    page.get_by_label("Single keys are shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()


def test_markup_in_every_field_is_text(server, open_page):
    markup = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>"
    ticket = server.create_ticket(markup, fromName=markup, **{"from": markup, "to": markup, "<b>field</b>": markup})
    server.send("GET", "ticket", params={"applyView": markup, "query": markup})
    requests.get(f"{server.url}/api/v2/{markup}", headers={"apiKey": "dev-key", "User-Agent": "<b>x</b>"}, timeout=30)
    server.control("POST", "accounts/dev/faults", json={"fields": {"title": markup}, "effect": {"status": 503, "message": markup}})
    page = open_page(server)
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    pages = ["requests", "requests/1", "requests/2", "requests/3", "tickets", f"tickets/{ticket}", "faults", "snapshots"]
    for path in [f"/accounts/dev/{name}" for name in pages] + ["/unauthorized", f"/search?q={markup}", f"/accounts/dev/tickets?query={markup}"]:
        page.goto(path)
        assert page.locator("main img, main script, main b").count() == 0, path
    page.goto(f"/accounts/dev/tickets/{ticket}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(markup)
    assert alerts == []


def test_api_pages_send_requests_and_show_the_response_below(server, open_page):
    page = open_page(server, "/docs")
    page.get_by_role("link", name="ticket.create").click()
    fields = {"brandID": "1", "channelID": "1", "from": "ada@example.test", "to": "desk@example.test", "title": "<b>Hi</b>"}
    for name, value in fields.items():
        page.locator(f'[name="{name}"]').fill(value)
    page.locator('[name="direction"]').select_option("inbound")
    page.get_by_role("button", name="Send").click()
    answer = page.locator("output")
    expect(answer).to_contain_text('"ticketID": 3')
    expect(answer).to_contain_text("-F brandID=1")
    page.get_by_role("link", name="setStatus").click()
    page.locator('[name="status"]').select_option("open")
    page.locator('[name="ticketIDs[]"]').fill("1, 2")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("output")).to_contain_text("Status of 2 tickets set to open.")
    page.get_by_role("link", name="Control API").click()
    page.get_by_role("link", name="setClock").first.click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("output")).to_contain_text('"mode": "frozen"')
    page.goto("/docs/control#unknown-account")
    expect(page.locator("#unknown-account")).to_be_visible()
    assert "`" not in page.locator("main").inner_text()


def test_fidelity_report_is_filtered(server, open_page):
    page = open_page(server, "/fidelity")
    everything = page.locator("tbody tr").count()
    page.get_by_label("Fidelity").select_option("undocumented")
    page.get_by_label("Search").first.fill("archive")
    submit(page.get_by_role("button", name="Filter"))
    assert 0 < page.locator("tbody tr").count() < everything


def test_status_counts_how_requests_ended(start, open_page):
    server = start()
    server.create_ticket()
    server.create_ticket()
    assert server.send("POST", "ticket", data={"title": "no brand"}).status_code == 400
    server.control("POST", "accounts/dev/faults", json={"operation": "create", "effect": {"drop_response": "reset"}})
    with pytest.raises(requests.ConnectionError):
        server.create_ticket()
    page = open_page(server, "/status")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="ticket.create", exact=True))
    assert row.get_by_role("cell").all_inner_texts() == ["2", "1", "0", "1"], page.locator("main").inner_text()
