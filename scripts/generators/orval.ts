// The ticket story with the fetch client of orval. Argument: the key.

import { strict as assert } from 'node:assert';
import * as api from './orval/ticket.js';

const options = { headers: { apiKey: process.argv[2] } };

/** Returns the data of a success response. */
function expectOk<T extends { status: number; data: unknown }>(response: T): Extract<T, { status: 200 }>['data'] {
  assert.equal(response.status, 200, JSON.stringify(response.data));
  return response.data as Extract<T, { status: 200 }>['data'];
}

async function create(title: string): Promise<number> {
  const ticket: api.NewTicket =
    { brandID: 1, channelID: 1, direction: 'inbound', from: 'thomas@test.com', to: 'service@mybrand.com', title };
  return expectOk(await api.ticketIndexPOST(ticket, options)).ticketID;
}

const first = await create('First');
const second = await create('Second');
const third = await create('Third');
const ids = [second, third];
const tickets = expectOk(await api.ticketIndexGET({ itemLimit: 2 }, options));
assert.equal(tickets.itemTotal, 3);
assert.equal(tickets.items[0].id, third);
assert.equal(expectOk(await api.ticketItemGET(first, undefined, options)).item.status, 'new');
const update: api.TicketUpdate = { externalPrimaryID: 'C-78', title: 'Renamed', status: 'solved' };
assert.equal(expectOk(await api.ticketItemPUT(first, update, options)).message, 'Ticket updated.');
const unlinked = expectOk(await api.ticketUnlinkCustomerFromTicketPOST({ ticketID: first }, options));
assert.equal(unlinked.message, 'Customer unlinked from ticket.');
const changed = expectOk(await api.ticketSetStatusPOST({ status: 'pending', 'ticketIDs[]': ids }, options));
assert.equal(changed.message, 'Status of 2 tickets set to pending.');
expectOk(await api.ticketSetPriorityPOST({ priority: 'urgent', 'ticketIDs[]': ids }, options));
const batch: api.TicketBatch =
  { TicketIDs: `${second}, ${third}`, 'actions[0][actionType]': 'assigned_group_id', 'actions[0][value]': '7' };
expectOk(await api.ticketBatchPOST(batch, options));
const ticket = expectOk(await api.ticketItemGET(second, { getTicketHistory: true }, options)).item;
assert.deepEqual([ticket.status, ticket.priority, ticket.assigned_group_id], ['pending', 'urgent', 7]);
assert(ticket.timeline.some((entry) => entry.type === 'event' && entry.item_type === 'assigned_group_id'));
assert.equal(expectOk(await api.ticketSolveUnfinishedTicketsPUT(options)).message, '2 tickets solved.');
assert.equal(expectOk(await api.ticketItemDELETE(first, options)).message, 'Ticket deleted.');
assert.equal(expectOk(await api.ticketMultiDELETE({ 'ticketIDs[]': ids }, options)).message, '2 tickets deleted.');
assert.equal(expectOk(await api.ticketIndexGET(undefined, options)).itemTotal, 0);
const missing = await api.ticketItemGET(first, undefined, options);
assert(missing.status === 400);
assert.equal(missing.data.message, 'This ticket does not exist.');
console.log('story complete');
