"""Other ways to use an account in a test: restore a snapshot, start from prepared data, reset, limit permissions."""

import pytest
from desk_client import ApiError, DeskClient


@pytest.fixture(scope="session")
def prepared_snapshot(create_account):
    """A snapshot that is created once and used by several tests."""
    account = create_account()
    client = DeskClient(account.base_url, account.api_key)
    for title in ["Printer on fire", "Out of paper", "Where is my refund?"]:
        client.create_ticket(title)
    account.control("PUT", "/snapshots/prepared")
    yield f"snapshot:{account.name}/prepared"
    account.control("DELETE")


@pytest.fixture
def prepared_account(create_account, prepared_snapshot):
    account = create_account({"from": prepared_snapshot})
    yield account
    account.control("DELETE")


@pytest.mark.parametrize("ticket_id", [1, 2, 3])
def test_account_starts_from_a_snapshot(prepared_account, ticket_id):
    client = DeskClient(prepared_account.base_url, prepared_account.api_key)
    client.close_ticket(ticket_id)
    assert len(client.list_titles(status="closed")) == 1, "the other tests have their own copies"
    assert client.create_ticket("The next one") == 4


def test_snapshot_restores_the_earlier_tickets(client, account):
    client.create_ticket("Printer on fire")
    account.control("PUT", "/snapshots/before")
    client.create_ticket("A mistake")
    account.control("POST", "/snapshots/before/restore")
    assert client.list_titles() == ["Printer on fire"]
    assert client.create_ticket("Out of paper") == 2


def test_reset_restores_the_initial_state(client, account):
    client.create_ticket("Printer on fire")
    account.control("POST", "/reset")
    assert client.list_titles() == []
    assert client.create_ticket("The first again") == 1


def test_read_only_key_cannot_create_tickets(client, account):
    read_only_key = account.control("POST", "/keys", {"permissions": ["TICKET_READ"]}).json()
    with pytest.raises(ApiError):
        DeskClient(account.base_url, read_only_key["api_key"]).create_ticket("Printer on fire")
    assert client.list_titles() == []


def test_server_counts_the_created_tickets(client, account):
    client.create_ticket("Printer on fire")
    assert account.control("GET").json()["counts"]["tickets"] == 1
