"""Writes screenshots of all pages to target/screenshots. With --docs it also renews those of the documentation."""

import os
import sys
import tempfile
from pathlib import Path

import requests
from playwright.sync_api import sync_playwright

from conftest import Server

ROOT = Path(__file__).parents[2]
PAGES = {
    "accounts": "/", "requests": "/accounts/dev/requests", "request": "/accounts/dev/requests/1", "rejected": "/accounts/dev/requests/5",
    "update": "/accounts/dev/requests/4", "tickets": "/accounts/dev/tickets", "ticket": "/accounts/dev/tickets/1",
    "faults": "/accounts/dev/faults", "clock": "/accounts/dev/clock", "snapshots": "/accounts/dev/snapshots",
    "compare": "/accounts/dev/snapshots/before-refund/compare", "keys": "/accounts/dev/keys", "settings": "/accounts/dev/settings",
    "unauthorized": "/unauthorized", "fidelity": "/fidelity?scope=dialect", "docs": "/docs", "operation": "/docs/ticketIndexPOST",
    "control": "/docs/control", "control-operation": "/docs/control/addFault", "status": "/status", "problem": "/accounts/nobody/requests",
    "search": "/search?q=de&account=dev", "no-requests": "/accounts/acme/requests", "no-tickets": "/accounts/acme/tickets",
}
DOCS = {"requests": "requests", "update": "request", "ticket": "ticket"}


def fill(server):
    """Sends what a client under development sends."""
    ticket = server.create_ticket("Refund for order 1183", fromName="Eve", note="urgent")
    server.send("GET", "ticket")
    server.send("GET", f"ticket/{ticket}")
    server.send("PUT", f"ticket/{ticket}", data={"status": "solved", "title": "Refund paid"})
    server.send("PUT", f"ticket/{ticket}", data={"status": "reopened"})
    server.send("GET", "ticket/99")
    server.send("POST", "ticket/setStatus", data={"status": "open", "ticketIDs[]": ["1", "2"]})
    server.send("POST", "ticket/batch", json={"TicketIDs": "1,2", "actions": [{"actionType": "priority", "value": "urgent"}]})
    server.control("PUT", "accounts/dev/snapshots/before-refund")
    server.control("POST", "accounts/dev/faults", json={"operation": "update", "first": 1, "effect": {"drop_response": "reset"}})
    try:
        server.send("PUT", f"ticket/{ticket}", data={"title": "Refund again"})
    except requests.ConnectionError:
        pass
    for headers in [{"apiKey": "acme-key-2"}, {}]:
        requests.get(f"{server.url}/api/v2/ticket", headers=headers, timeout=30)


def main():
    folder = ROOT / "target/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(Path(tempfile.mkdtemp()))
    fill(server)
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for theme in ["light", "dark"]:
            for width in [1280, 390]:
                page = browser.new_page(base_url=server.url, color_scheme=theme, viewport={"width": width, "height": 900})
                for name, path in PAGES.items():
                    page.goto(path)
                    page.screenshot(path=folder / f"{name}-{theme}-{width}.png", full_page=True)
                page.close()
        if "--docs" in sys.argv:
            page = browser.new_page(base_url=server.url, color_scheme="light", viewport={"width": 1100, "height": 640})
            for name, target in DOCS.items():
                page.goto(PAGES[name])
                page.screenshot(path=ROOT / f"docs/images/{target}.png")
        browser.close()
    server.stop()


main()
