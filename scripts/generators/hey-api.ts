// The ticket story with the client of hey-api. Argument: the key.

import { strict as assert } from 'node:assert';
import * as api from './hey-api/index.js';
import { client } from './hey-api/client.gen.js';

client.setConfig({ auth: process.argv[2] });

async function create(title: string): Promise<number> {
  const { data } = await api.ticketIndexPost({
    body: { brandID: 1, channelID: 1, direction: 'inbound', from: 'thomas@test.com', to: 'service@mybrand.com', title },
    throwOnError: true,
  });
  return data.ticketID;
}

const throwOnError = true as const;
const first = await create('First');
const second = await create('Second');
const third = await create('Third');
const ids = [second, third];
const { data: tickets } = await api.ticketIndexGet({ query: { itemLimit: 2 }, throwOnError });
assert.equal(tickets.itemTotal, 3);
assert.equal(tickets.items[0].id, third);
const path = { ticketID: first };
assert.equal((await api.ticketItemGet({ path, throwOnError })).data.item.status, 'new');
const update = { externalPrimaryID: 'C-78', title: 'Renamed', status: 'solved' as const };
assert.equal((await api.ticketItemPut({ path, body: update, throwOnError })).data.message, 'Ticket updated.');
const unlinked = await api.ticketUnlinkCustomerFromTicketPost({ body: { ticketID: first }, throwOnError });
assert.equal(unlinked.data.message, 'Customer unlinked from ticket.');
const changed = await api.ticketSetStatusPost({ body: { status: 'pending', 'ticketIDs[]': ids }, throwOnError });
assert.equal(changed.data.message, 'Status of 2 tickets set to pending.');
await api.ticketSetPriorityPost({ body: { priority: 'urgent', 'ticketIDs[]': ids }, throwOnError });
await api.ticketBatchPost({
  body: { TicketIDs: `${second}, ${third}`, 'actions[0][actionType]': 'assigned_group_id', 'actions[0][value]': '7' },
  throwOnError,
});
const read = await api.ticketItemGet({ path: { ticketID: second }, query: { getTicketHistory: true }, throwOnError });
const ticket = read.data.item;
assert.deepEqual([ticket.status, ticket.priority, ticket.assigned_group_id], ['pending', 'urgent', 7]);
assert(ticket.timeline.some((entry) => entry.type === 'event' && entry.item_type === 'assigned_group_id'));
const solved = await api.ticketSolveUnfinishedTicketsPut({ throwOnError });
assert.equal(solved.data.message, '2 tickets solved.');
assert.equal((await api.ticketItemDelete({ path, throwOnError })).data.message, 'Ticket deleted.');
const deleted = await api.ticketMultiDelete({ query: { 'ticketIDs[]': ids }, throwOnError });
assert.equal(deleted.data.message, '2 tickets deleted.');
assert.equal((await api.ticketIndexGet({ throwOnError })).data.itemTotal, 0);
const missing = await api.ticketItemGet({ path });
assert.equal(missing.response?.status, 400);
assert.equal(missing.error?.message, 'This ticket does not exist.');
console.log('story complete');
