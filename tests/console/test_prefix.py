"""The console below a path, behind a proxy that removes the path, sends its own Host, and tells the server nothing."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from conftest import submit
from playwright.sync_api import expect

PREFIX = "/mock"


@pytest.fixture
def proxy(server):
    class Handler(BaseHTTPRequestHandler):
        def forward(self):
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ["host", "connection"]}
            response = requests.request(self.command, server.url + self.path[len(PREFIX):], headers=headers, data=body,
                allow_redirects=False, timeout=30)
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name.lower() not in ["connection", "content-length", "transfer-encoding", "date"]:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = do_PUT = do_DELETE = forward

        def log_message(self, *arguments):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_address[1]}"
    proxy.shutdown()


def test_console_works_below_a_path(server, proxy, browser):
    context = browser.new_context(base_url=proxy)
    page = context.new_page()
    lost = []
    page.on("request", lambda request: lost.append(request.url) if not request.url.startswith(f"{proxy}{PREFIX}/") else None)
    page.goto(f"{PREFIX}/")
    page.get_by_role("link", name="dev").click()
    page.get_by_role("link", name="Tickets").click()
    page.get_by_role("link", name="The invoice is wrong").click()
    page.get_by_label("Status").select_option("solved")
    submit(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("status")).to_contain_text("Status of 1 ticket set to solved.")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The invoice is wrong")
    page.get_by_role("link", name="Ticket API").click()
    page.get_by_role("link", name="ticket.get").click()
    page.locator('[name="ticketID"]').fill("2")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("output")).to_contain_text('"status": "solved"')
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("searchbox").fill("acme")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{proxy}{PREFIX}/accounts/acme/requests")
    context.close()
    assert lost == []
