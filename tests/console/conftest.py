"""Fixtures for the tests of the console in Chromium. OMNIDESK_MOCK is the path of the server's program."""

import os
import subprocess
import time
from pathlib import Path

import pytest
import requests
from playwright.sync_api import sync_playwright

SEED = Path(__file__).parent / "seed.yaml"
KEY = "dev-key"


class Server:
    """A server in memory on a free port, with its own seed."""

    def __init__(self, folder, *arguments, token=None):
        port_file = folder / "port"
        command = [os.environ["OMNIDESK_MOCK"], "--ephemeral", "--listen", "127.0.0.1:0", "--seed", str(SEED)]
        command += ["--port-file", str(port_file), *arguments]
        environment = {**os.environ, "OMNIDESK_MOCK_CONTROL_TOKEN": token or ""}
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)
        deadline = time.monotonic() + 30
        while not (port_file.exists() and port_file.read_text()):
            assert self.process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.01)
        self.url = f"http://{port_file.read_text().strip()}"
        self.token = token

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def send(self, method, path, **arguments):
        return requests.request(method, f"{self.url}/api/v2/{path}", headers={"apiKey": KEY}, timeout=30, **arguments)

    def control(self, method, path, **arguments):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        response = requests.request(method, f"{self.url}/_control/{path}", headers=headers, timeout=30, **arguments)
        assert response.ok, response.text
        return response

    def create_ticket(self, title="Where is my parcel?", **fields):
        values = {"brandID": 1, "channelID": 1, "direction": "inbound", "from": "eve@example.test", "to": "desk@example.test"}
        response = self.send("POST", "ticket", data={**values, "title": title, **fields})
        assert response.ok, response.text
        return response.json()["ticketID"]


def submit(control):
    """Clicks a button or a link, and returns when the page that it leads to is loaded: the server has done what was asked."""
    with control.page.expect_navigation():
        control.click()


@pytest.fixture
def start(tmp_path_factory):
    """Starts servers, and stops them after the test."""
    servers = []

    def start(*arguments, **options):
        servers.append(Server(tmp_path_factory.mktemp("server"), *arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-quic"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens pages of a server. After the test, nothing was requested from another host, and no script failed."""
    contexts, foreign, errors = [], [], []

    def open_page(server, path="/", **options):
        context = browser.new_context(base_url=server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(server.url) else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
        page.goto(path)
        return page

    def is_error(message):
        # Chromium reports each response with an error status; some tests provoke them.
        return message.type == "error" and "Failed to load resource" not in message.text

    yield open_page
    for context in contexts:
        context.close()
    assert foreign == [], "nothing is requested from another host"
    assert errors == [], "no script fails"
