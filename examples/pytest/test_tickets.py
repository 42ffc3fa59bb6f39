"""Each test sees only its own tickets, so the tests can run in parallel and in any order."""

import pytest
from desk_client import ApiError


@pytest.mark.parametrize("title", ["Printer on fire", "Out of paper", "Where is my refund?"])
def test_created_ticket_is_listed(client, title):
    assert client.create_ticket(title) == 1
    assert client.list_titles() == [title]


def test_ticket_without_title_is_rejected(client):
    with pytest.raises(ApiError, match="title"):
        client.create_ticket("")
    assert client.list_titles() == []


def test_closed_ticket_is_not_listed_after_a_month(client, account):
    account.control("PUT", "/clock", {"mode": "frozen", "at": "2026-03-01T12:00:00Z"})
    client.close_ticket(client.create_ticket("Printer on fire"))
    assert client.list_titles() == ["Printer on fire"]
    account.control("POST", "/clock/advance", {"by": "31d"})
    assert client.list_titles() == []
    assert client.list_titles(searchArchived="yes") == ["Printer on fire"]
