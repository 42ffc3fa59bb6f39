"""What else a test can do with an account: go back, start from prepared data, take a right away."""

import pytest
from desk import Desk, Refused


@pytest.fixture(scope="session")
def busy_desk(new_account):
    """A snapshot that is prepared once, for all tests that start from it."""
    account = new_account()
    desk = Desk(account.base_url, account.api_key)
    for title in ["Printer on fire", "Out of paper", "Where is my refund?"]:
        desk.report(title)
    account.control("PUT", "/snapshots/busy")
    yield f"snapshot:{account.name}/busy"
    account.control("DELETE")


@pytest.fixture
def busy_account(new_account, busy_desk):
    account = new_account({"from": busy_desk})
    yield account
    account.control("DELETE")


@pytest.mark.parametrize("ticket", [1, 2, 3])
def test_an_account_starts_from_a_snapshot(busy_account, ticket):
    desk = Desk(busy_account.base_url, busy_account.api_key)
    desk.close(ticket)
    assert len(desk.titles(status="closed")) == 1, "the other tests closed theirs elsewhere"
    assert desk.report("The next one") == 4


def test_a_snapshot_brings_back_what_was_there(desk, account):
    desk.report("Printer on fire")
    account.control("PUT", "/snapshots/before")
    desk.report("A mistake")
    account.control("POST", "/snapshots/before/restore")
    assert desk.titles() == ["Printer on fire"]
    assert desk.report("Out of paper") == 2


def test_a_reset_goes_back_to_the_start(desk, account):
    desk.report("Printer on fire")
    account.control("POST", "/reset")
    assert desk.titles() == []
    assert desk.report("The first again") == 1


def test_a_key_that_may_only_read_cannot_report(desk, account):
    reader = account.control("POST", "/keys", {"permissions": ["TICKET_READ"]}).json()
    with pytest.raises(Refused):
        Desk(account.base_url, reader["api_key"]).report("Printer on fire")
    assert desk.titles() == []


def test_the_server_counts_what_the_client_made(desk, account):
    desk.report("Printer on fire")
    assert account.control("GET").json()["counts"]["tickets"] == 1
