"""A separate account for each test, on the server of `omnidesk-mock run` or on a server that pytest starts."""

import os
import subprocess

import pytest
import requests
from desk_client import DeskClient


TOKEN = os.environ.get("OMNIDESK_CONTROL_TOKEN")
HEADERS = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}


class Account:
    """A new account. Its tickets, ids, keys, clock and snapshots are invisible to other tests."""

    def __init__(self, control_url, options=None):
        # A strict account rejects each request that the help desk does not document, such as one with a
        # misspelled field or with a JSON body. Without `strict`, the journal only has a warning about it.
        options = {"strict": True} | (options or {})
        account = send_request("POST", f"{control_url}/accounts", options).json()
        self.name, self.api_key, self.base_url = account["account"], account["api_key"], account["base_url"]
        self.url = f"{control_url}/accounts/{self.name}"

    def control(self, method, path="", body=None):
        return send_request(method, self.url + path, body)


def send_request(method, url, body=None):
    """Sends a request to the control API. If the server rejects it, the test fails with the server's explanation."""
    response = requests.request(method, url, json=body, headers=HEADERS)
    assert response.ok, f"{method} {url}: {explanation(response)}"
    return response


def explanation(response):
    problem = response.json()
    return f"{problem['title']}\n{problem['detail']}"


@pytest.fixture(scope="session")
def control_url():
    """The URL that `omnidesk-mock run -- pytest` sets, or that of a server that this fixture starts."""
    if url := os.environ.get("OMNIDESK_CONTROL_URL"):
        yield url
        return
    command = ["omnidesk-mock", "--ephemeral", "--listen", "127.0.0.1:0"]
    # Settings from the environment, such as a control token, are for other servers.
    env = {name: value for name, value in os.environ.items() if not name.startswith("OMNIDESK_MOCK_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as server:
        yield server.stdout.readline().strip().removeprefix("listening on ") + "/_control"
        server.terminate()


@pytest.fixture(scope="session")
def create_account(control_url):
    """Creates additional accounts, for fixtures and tests that need more than one."""
    return lambda options=None: Account(control_url, options)


@pytest.fixture
def account(create_account):
    account = create_account()
    yield account
    account.control("DELETE")


@pytest.fixture
def client(account):
    return DeskClient(account.base_url, account.api_key)
