// The ticket story with the axios client of openapi-generator. Argument: the key.

import { strict as assert } from 'node:assert';
import { isAxiosError } from 'axios';
import { Configuration, TicketApi } from './axios/index.js';

const client = new TicketApi(new Configuration({ apiKey: process.argv[2] }));

async function create(title: string): Promise<number> {
  const created = await client.ticketIndexPOST(1, 1, 'inbound', 'thomas@test.com', 'service@mybrand.com', title);
  return created.data.ticketID;
}

const first = await create('First');
const second = await create('Second');
const third = await create('Third');
const { data: tickets } = await client.ticketIndexGET(undefined, undefined, undefined, 2);
assert.equal(tickets.itemTotal, 3);
assert.equal(tickets.items[0].id, third);
assert.equal((await client.ticketItemGET(first)).data.item.status, 'new');
assert.equal((await client.ticketItemPUT(first, 'C-78', 'Renamed', 'solved')).data.message, 'Ticket updated.');
const { data: unlinked } = await client.ticketUnlinkCustomerFromTicketPOST(first);
assert.equal(unlinked.message, 'Customer unlinked from ticket.');
const { data: changed } = await client.ticketSetStatusPOST('pending', [second, third]);
assert.equal(changed.message, 'Status of 2 tickets set to pending.');
await client.ticketSetPriorityPOST('urgent', [second, third]);
await client.ticketBatchPOST(`${second}, ${third}`, 'assigned_group_id', '7');
const { item: ticket } = (await client.ticketItemGET(second, true)).data;
assert.deepEqual([ticket.status, ticket.priority, ticket.assigned_group_id], ['pending', 'urgent', 7]);
assert(ticket.timeline.some((entry) => entry.type === 'event' && entry.item_type === 'assigned_group_id'));
assert.equal((await client.ticketSolveUnfinishedTicketsPUT()).data.message, '2 tickets solved.');
assert.equal((await client.ticketItemDELETE(first)).data.message, 'Ticket deleted.');
assert.equal((await client.ticketMultiDELETE([second, third])).data.message, '2 tickets deleted.');
assert.equal((await client.ticketIndexGET()).data.itemTotal, 0);
await assert.rejects(client.ticketItemGET(first), (error) => {
  assert(isAxiosError(error) && error.response);
  assert.equal(error.response.status, 400);
  return error.response.data.message === 'This ticket does not exist.';
});
console.log('story complete');
