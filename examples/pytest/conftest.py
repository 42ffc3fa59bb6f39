"""An account of its own for each test, on the server of `omnidesk-mock run` or on one that is started here."""

import os
import subprocess

import pytest
import requests
from desk import Desk


TOKEN = os.environ.get("OMNIDESK_CONTROL_TOKEN")
HEADERS = {"authorization": f"Bearer {TOKEN}"} if TOKEN else {}


class Account:
    """Tickets, ids, keys, clock and snapshots that no other test sees."""

    def __init__(self, control_url, options=None):
        made = requests.post(f"{control_url}/accounts", json=options, headers=HEADERS)
        assert made.ok, made.text
        self.name, self.api_key = made.json()["account"], made.json()["api_key"]
        self.base_url = made.json()["base_url"]
        self.url = f"{control_url}/accounts/{self.name}"

    def control(self, method, path="", body=None):
        answer = requests.request(method, self.url + path, json=body, headers=HEADERS)
        assert answer.ok, answer.json()["detail"]
        return answer


@pytest.fixture(scope="session")
def control_url():
    """From `omnidesk-mock run -- pytest`, or else of a server that this fixture starts."""
    if url := os.environ.get("OMNIDESK_CONTROL_URL"):
        yield url
        return
    command = ["omnidesk-mock", "--ephemeral", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().strip().removeprefix("listening on ") + "/_control"
        server.terminate()


@pytest.fixture(scope="session")
def new_account(control_url):
    """Makes further accounts, for fixtures and tests that want more than one."""
    return lambda options=None: Account(control_url, options)


@pytest.fixture
def account(new_account):
    account = new_account()
    yield account
    account.control("DELETE")


@pytest.fixture
def desk(account):
    return Desk(account.base_url, account.api_key)
