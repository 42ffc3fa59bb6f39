"""Each test sees only what it made itself, so the tests run side by side and in any order."""

import pytest
from desk import Refused


@pytest.mark.parametrize("title", ["Printer on fire", "Out of paper", "Where is my refund?"])
def test_a_report_becomes_the_first_ticket(desk, title):
    assert desk.report(title) == 1
    assert desk.titles() == [title]


def test_a_report_without_a_title_is_refused(desk):
    with pytest.raises(Refused, match="title"):
        desk.report("")
    assert desk.titles() == []


def test_a_closed_ticket_leaves_the_list_after_a_month(desk, account):
    account.control("PUT", "/clock", {"mode": "frozen", "at": "2026-03-01T12:00:00Z"})
    desk.close(desk.report("Printer on fire"))
    assert desk.titles() == ["Printer on fire"]
    account.control("POST", "/clock/advance", {"by": "31d"})
    assert desk.titles() == []
    assert desk.titles(searchArchived="yes") == ["Printer on fire"]
