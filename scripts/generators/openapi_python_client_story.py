"""The ticket story with the client of openapi-python-client. Argument: the key. The package is called ticket_client."""

import sys

from ticket_client import AuthenticatedClient, models
from ticket_client.api.ticket import (
    ticket_batch_post,
    ticket_index_get,
    ticket_index_post,
    ticket_item_delete,
    ticket_item_get,
    ticket_item_put,
    ticket_multi_delete,
    ticket_set_priority_post,
    ticket_set_status_post,
    ticket_solve_unfinished_tickets_put,
    ticket_unlink_customer_from_ticket_post,
)

client = AuthenticatedClient(sys.argv[2], token=sys.argv[1], prefix="", auth_header_name="apiKey")


def create(title):
    body = models.NewTicket(
        brand_id=1,
        channel_id=1,
        direction=models.NewTicketDirection.INBOUND,
        from_="thomas@test.com",
        to="service@mybrand.com",
        title=title,
    )
    return ticket_index_post.sync(client=client, body=body).ticket_id


first, second, third = create("First"), create("Second"), create("Third")
tickets = ticket_index_get.sync(client=client, item_limit=2)
assert tickets.item_total == 3 and tickets.items[0].id == third, tickets
assert ticket_item_get.sync(first, client=client).item.status == models.TicketStatus.NEW
update = models.TicketUpdate(external_primary_id="C-78", title="Renamed", status=models.TicketUpdateStatus.SOLVED)
assert ticket_item_put.sync(first, client=client, body=update).message == "Ticket updated."
unlink = models.CustomerUnlink(ticket_id=first)
unlinked = ticket_unlink_customer_from_ticket_post.sync(client=client, body=unlink)
assert unlinked.message == "Customer unlinked from ticket.", unlinked
status = models.StatusChange(status=models.StatusChangeStatus.PENDING, ticket_i_ds=[second, third])
changed = ticket_set_status_post.sync(client=client, body=status)
assert changed.message == "Status of 2 tickets set to pending.", changed
priority = models.PriorityChange(priority=models.PriorityChangePriority.URGENT, ticket_i_ds=[second, third])
assert ticket_set_priority_post.sync(client=client, body=priority).message.endswith("set to urgent.")
batch = models.TicketBatch(
    ticket_i_ds=f"{second}, {third}",
    actions_0_action_type=models.TicketBatchActions0ActionType.ASSIGNED_GROUP_ID,
    actions0value="7",
)
assert ticket_batch_post.sync(client=client, body=batch).message == "1 action performed on 2 tickets."
ticket = ticket_item_get.sync(second, client=client, get_ticket_history=True).item
assert (ticket.status.value, ticket.priority.value, ticket.assigned_group_id) == ("pending", "urgent", 7), ticket
assert any(event.item_type == "assigned_group_id" for event in ticket.timeline), ticket
assert ticket_solve_unfinished_tickets_put.sync(client=client).message == "2 tickets solved."
assert ticket_item_delete.sync(first, client=client).message == "Ticket deleted."
assert ticket_multi_delete.sync(client=client, ticket_i_ds=[second, third]).message == "2 tickets deleted."
assert ticket_index_get.sync(client=client).item_total == 0
error = ticket_item_get.sync(first, client=client)
assert isinstance(error, models.ErrorResponse) and error.message == "This ticket does not exist.", error
print("story complete")
