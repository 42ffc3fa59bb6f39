"""The ticket story with the Python client of openapi-generator. Arguments: the key, and optionally the base URL."""

import sys

import openapi_client as api

configuration = api.Configuration(api_key={"header": sys.argv[1]})
if len(sys.argv) > 2:
    configuration.host = sys.argv[2]
client = api.TicketApi(api.ApiClient(configuration))


def create(title):
    created = client.ticket_index_post(
        brand_id=1, channel_id=1, direction="inbound", var_from="thomas@test.com", to="service@mybrand.com", title=title
    )
    return created.ticket_id


first, second, third = create("First"), create("Second"), create("Third")
tickets = client.ticket_index_get(item_limit=2)
assert tickets.item_total == 3 and tickets.items[0].id == third, tickets
assert client.ticket_item_get(first).item.status == "new"
updated = client.ticket_item_put(first, external_primary_id="C-78", title="Renamed", status="solved")
assert updated.message == "Ticket updated.", updated
assert client.ticket_unlink_customer_from_ticket_post(first).message == "Customer unlinked from ticket."
changed = client.ticket_set_status_post(status="pending", ticket_ids=[second, third])
assert changed.message == "Status of 2 tickets set to pending.", changed
client.ticket_set_priority_post(priority="urgent", ticket_ids=[second, third])
client.ticket_batch_post(
    ticket_ids=f"{second}, {third}", actions_0_action_type="assigned_group_id", actions_0_value="7"
)
ticket = client.ticket_item_get(second, get_ticket_history=True).item
assert (ticket.status, ticket.priority, ticket.assigned_group_id) == ("pending", "urgent", 7), ticket
events = [entry.actual_instance for entry in ticket.timeline]
assert any(event.item_type == "assigned_group_id" for event in events), events
assert client.ticket_solve_unfinished_tickets_put().message == "2 tickets solved."
assert client.ticket_item_delete(first).message == "Ticket deleted."
assert client.ticket_multi_delete(ticket_ids=[second, third]).message == "2 tickets deleted."
assert client.ticket_index_get().item_total == 0
try:
    client.ticket_item_get(first)
except api.ApiException as error:
    assert error.status == 400 and error.data.message == "This ticket does not exist.", error
else:
    raise AssertionError("the ticket is deleted")
print("story complete")
