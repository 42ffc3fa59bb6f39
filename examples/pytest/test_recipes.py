"""Recipes: how a test verifies its client's requests, and how it injects faults."""

import threading

import pytest
from desk_client import ApiError, DeskClient
from retrying_client import NaiveClient, RetryingClient


def both_clients(mistake):
    """Runs a test with the retrying client, and with the naive client, for which it must fail."""
    must_fail = pytest.mark.xfail(raises=AssertionError, strict=True, reason=mistake)
    return pytest.mark.parametrize("client_class", [RetryingClient, pytest.param(NaiveClient, marks=must_fail)])


# The server creates the ticket, but the client gets no valid response.
LOST_RESPONSES = [
    {"drop_response": "reset"},
    {"drop_response": "hang"},
    {"drop_response": 503},
    {"truncate": 10},
    {"malformed": True},
]
# The client gets no valid response either, but the server has not created the ticket.
UNEXECUTED_REQUESTS = [{"status": 503}, {"reset_connection": True}]

TITLE = "Order 4711: printer on fire"
# A search for the order number finds both, and a search for the title finds the second.
SIMILAR_TITLES = ["Order 47110: printer on fire", "Order 4711: printer on fire again"]


@pytest.mark.parametrize("effect", LOST_RESPONSES, ids=str)
@both_clients("it repeats the request without a search for the ticket")
def test_retry_after_lost_response_creates_no_second_ticket(account, client_class, effect):
    assert_one_ticket_is_created(account, client_class, effect)


@pytest.mark.parametrize("effect", UNEXECUTED_REQUESTS, ids=str)
def test_retry_of_unexecuted_request_creates_the_ticket(account, effect):
    assert_one_ticket_is_created(account, RetryingClient, effect)


def assert_one_ticket_is_created(account, client_class, effect):
    for title in SIMILAR_TITLES:
        DeskClient(account.base_url, account.api_key).create_ticket(title)
    fault = {"operation": "ticket.create", "first": 1, "effect": effect}
    account.control("POST", "/faults", fault)
    ticket_id = client_class(account.base_url, account.api_key, timeout=1).create_ticket(TITLE)
    expected = {"operation": "ticket.create", "changed": True, "fields": {"title": TITLE}, "count": {"exactly": 1}}
    account.control("POST", "/verify", expected)
    assert [row["id"] for row in list_rows_changed_to(account, "title", TITLE)] == [ticket_id]


@both_clients("it waits for one second and ignores Retry-After")
def test_client_obeys_retry_after(account, client_class):
    account.control("PUT", "/strict", {"strict": True, "allow": ["early-retry"]})
    account.control("PUT", "/clock", {"mode": "frozen", "at": "2026-03-01T12:00:00Z"})
    account.control("POST", "/faults", {"first": 2, "effect": {"status": 429, "retry_after": "30s"}})

    def sleep(seconds):
        account.control("POST", "/clock/advance", {"by": f"{seconds}s"})

    client_class(account.base_url, account.api_key, sleep).create_ticket("Printer on fire")
    account.control("POST", "/verify", {"operation": "ticket.create", "count": {"exactly": 3}})
    account.control("POST", "/verify", {"warning": "early-retry", "count": {"never": True}})


def test_client_with_real_sleep_obeys_retry_after(account):
    account.control("POST", "/faults", {"first": 1, "effect": {"status": 429, "retry_after": "1s"}})
    RetryingClient(account.base_url, account.api_key).create_ticket("Printer on fire")
    account.control("POST", "/verify", {"warning": "early-retry", "count": {"never": True}})


def test_exactly_one_ticket_is_solved(client, account):
    first, second = client.create_ticket("Printer on fire"), client.create_ticket("Out of paper")
    client.solve_tickets(second)
    request = {"operation": "ticket.setStatus", "fields": {"status": "solved", "ticketIDs": [second]}}
    account.control("POST", "/verify", {**request, "count": {"exactly": 1}})
    assert [row["id"] for row in list_rows_changed_to(account, "status", "solved")] == [second]


def list_rows_changed_to(account, column, value):
    """Returns the rows whose column was set to this value, by any operation."""
    changes = account.control("GET", "/changes").json()["changes"]
    rows = [row for change in changes for row in change["rows"]]
    return [row for row in rows if any((new["column"], new["to"]) == (column, value) for new in row["columns"])]


def test_worker_solves_the_created_ticket(client, account):
    ticket_id = client.create_ticket("Printer on fire")
    worker = threading.Timer(0.1, client.solve_tickets, [ticket_id])
    worker.start()
    ticket = account.control("GET", f"/wait?ticket={ticket_id}&status=solved&timeout=10s").json()["ticket"]
    assert ticket["title"] == "Printer on fire"
    worker.join()


def test_worker_lists_new_tickets(client, account):
    worker = threading.Timer(0.1, client.list_titles, kwargs={"status": "new"})
    worker.start()
    account.control("GET", "/wait?operation=ticket.list&field.status=new&timeout=10s")
    worker.join()


def test_client_sends_only_documented_requests(client):
    ticket_id = client.create_ticket("Printer on fire")
    client.solve_tickets(ticket_id)
    client.close_ticket(ticket_id)
    assert client.list_titles(status="closed") == ["Printer on fire"]
    with pytest.raises(ApiError, match="querry"):
        client.list_titles(querry="printer")


def test_no_request_caused_a_warning(client, account):
    account.control("PUT", "/strict", {"strict": False})
    client.solve_tickets(client.create_ticket("Printer on fire"))
    account.control("POST", "/verify", {"warning": "any", "count": {"never": True}})
