"""axe-core finds nothing on any page, in both themes and at three widths, and no page is wider than the window."""

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = [
    "/", "/accounts/dev/requests", "/accounts/dev/requests/1", "/accounts/dev/requests/3", "/accounts/dev/tickets",
    "/accounts/dev/tickets/1", "/accounts/dev/faults", "/accounts/dev/clock", "/accounts/dev/snapshots",
    "/accounts/dev/snapshots/before/compare", "/accounts/dev/keys", "/accounts/dev/settings", "/accounts/acme/requests",
    "/unauthorized", "/fidelity?scope=dialect", "/docs", "/docs/ticketIndexPOST", "/docs/control", "/docs/control/addFault", "/status",
    "/search?q=dev", "/accounts/nobody/tickets",
]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible(server, open_page, theme):
    server.control("PUT", "accounts/dev/snapshots/before")
    ticket = server.create_ticket("Refund", note="unknown")
    server.send("PUT", f"ticket/{ticket}", data={"status": "solved"})
    server.send("PUT", f"ticket/{ticket}", data={"status": "reopened"})
    server.control("POST", "accounts/dev/faults", json={"preset": "flaky"})
    page = open_page(server, "/", color_scheme=theme)
    found = []
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path)
        for width in [1280, 768, 390]:
            page.set_viewport_size({"width": width, "height": 900})
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if overflow > 0:
                found.append(f"{path} at {width}: wider than the window by {overflow}")
            result = Axe().run(page, options={"runOnly": TAGS, "resultTypes": ["violations"]})
            for violation in result.response["violations"]:
                nodes = [node["html"][:120] for node in violation["nodes"][:2]]
                found.append(f"{path} at {width}: {violation['id']}: {nodes}")
    assert found == []


def test_login_page_is_accessible(start, open_page):
    server = start(token="control-token-1")
    page = open_page(server, "/")
    assert Axe().run(page, options={"runOnly": TAGS}).response["violations"] == []
