"""Recipes: what a test sees of its client's requests, and what it can do to them."""

import threading

import pytest
from careful import CarefulDesk, HastyDesk
from desk import Refused


def both(mistake):
    """Runs a test with the careful client, and with the hasty one: there it must fail."""
    fails = pytest.mark.xfail(raises=AssertionError, strict=True, reason=mistake)
    return pytest.mark.parametrize("client", [CarefulDesk, pytest.param(HastyDesk, marks=fails)])


@both("it sends a report again without a look whether it has arrived")
def test_a_lost_answer_makes_no_second_ticket(account, client):
    fault = {"operation": "ticket.create", "first": 1, "effect": {"drop_response": "reset"}}
    account.control("POST", "/faults", fault)
    client(account.base_url, account.api_key).report("Order 4711: printer on fire")
    made = {"operation": "ticket.create", "changed": True, "count": {"exactly": 1}}
    account.control("POST", "/verify", made)


@both("it waits a second, whatever it is told")
def test_a_busy_server_is_left_alone_as_long_as_it_asks_for(account, client):
    account.control("PUT", "/clock", {"mode": "frozen", "at": "2026-03-01T12:00:00Z"})
    account.control("POST", "/faults", {"first": 2, "effect": {"status": 429, "retry_after": "30s"}})

    def sleep(seconds):
        account.control("POST", "/clock/advance", {"by": f"{seconds}s"})

    client(account.base_url, account.api_key, sleep).report("Printer on fire")
    account.control("POST", "/verify", {"operation": "ticket.create", "count": {"exactly": 3}})
    account.control("POST", "/verify", {"warning": "early-retry", "count": {"never": True}})


def test_a_client_that_really_sleeps_can_be_tested_as_well(account):
    account.control("POST", "/faults", {"first": 1, "effect": {"status": 429, "retry_after": "1s"}})
    CarefulDesk(account.base_url, account.api_key).report("Printer on fire")
    account.control("POST", "/verify", {"warning": "early-retry", "count": {"never": True}})


def test_exactly_one_ticket_is_solved(desk, account):
    first, second = desk.report("Printer on fire"), desk.report("Out of paper")
    desk.solve(second)
    sent = {"operation": "ticket.setStatus", "fields": {"status": "solved", "ticketIDs": [second]}}
    account.control("POST", "/verify", {**sent, "count": {"exactly": 1}})
    assert [row["id"] for row in changes_to(account, "status", "solved")] == [second]


def changes_to(account, column, value):
    """The rows that got this value, whichever operation did it."""
    changes = account.control("GET", "/changes").json()["changes"]
    rows = [row for change in changes for row in change["rows"]]
    return [row for row in rows if any((it["column"], it["to"]) == (column, value) for it in row["columns"])]


def test_the_worker_solves_what_was_reported(desk, account):
    ticket = desk.report("Printer on fire")
    worker = threading.Timer(0.1, desk.solve, [ticket])
    worker.start()
    solved = account.control("GET", f"/wait?ticket={ticket}&status=solved&timeout=10s").json()["ticket"]
    assert solved["title"] == "Printer on fire"
    worker.join()


def test_the_worker_asks_for_what_is_new(desk, account):
    worker = threading.Timer(0.1, desk.titles, kwargs={"status": "new"})
    worker.start()
    account.control("GET", "/wait?operation=ticket.list&field.status=new&timeout=10s")
    worker.join()


def test_the_client_sends_exactly_what_the_documents_say(desk, account):
    account.control("PUT", "/strict", {"strict": True})
    ticket = desk.report("Printer on fire")
    desk.solve(ticket)
    desk.close(ticket)
    assert desk.titles(status="closed") == ["Printer on fire"]
    with pytest.raises(Refused, match="querry"):
        desk.titles(querry="printer")


def test_nothing_odd_was_sent(desk, account):
    desk.solve(desk.report("Printer on fire"))
    account.control("POST", "/verify", {"warning": "any", "count": {"never": True}})
