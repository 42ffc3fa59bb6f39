// Drives /docs in a real Chromium, as a reader would: fill in a form, send it, read the answer.
// Run by scripts/pages-check.sh, which starts the server and names it in BASE.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const base = process.env.BASE;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
const elsewhere = [];
const troubles = [];
page.on("request", (request) => request.url().startsWith(base) || elsewhere.push(request.url()));
page.on("pageerror", (error) => troubles.push(error.message));
page.on("console", (message) => message.type() === "error" && !message.text().includes("status of 4") && troubles.push(message.text()));

// Fills the form of an operation, sends it, and gives what is shown.
async function tryOut(operation, fields) {
  const form = page.locator(`#${operation} form`);
  for (const [name, value] of Object.entries(fields)) {
    const field = form.locator(`[name="${name}"]`);
    if (await field.evaluate((element) => element.tagName === "SELECT")) await field.selectOption(value);
    else await field.fill(value);
  }
  const output = form.locator("output");
  await output.evaluate((element) => element.replaceChildren());
  await form.locator("button").click();
  await output.locator("pre").waitFor();
  return output.innerText();
}

await page.goto(`${base}/`);
assert.equal(page.url(), `${base}/docs`, "the root leads to the page");
const hostile = "<img src=x onerror=alert(1)>";
const created = await tryOut("ticketIndexPOST", {
  brandID: "1", channelID: "1", direction: "inbound", from: "ada@example.test", to: "desk@example.test", title: hostile,
});
assert.match(created, /200 OK[^]*"ticketID": 1/);
const shown = await tryOut("ticketItemGET", { ticketID: "1" });
assert.ok(shown.includes(hostile), "markup in a title is shown as text");
assert.equal(await page.locator("output img").count(), 0, "and stays text");
assert.match(await tryOut("ticketItemPUT", { ticketID: "1", status: "closed" }), /Ticket updated/);
assert.match(await tryOut("ticketSetStatusPOST", { status: "open", "ticketIDs[]": "1" }), /Status of 1 ticket set to open/);
assert.match(await tryOut("ticketSetPriorityPOST", { priority: "low", "ticketIDs[]": "1, 1" }), /400[^]*is a duplicate/);
const batch = { TicketIDs: "1", "actions[0][actionType]": "title", "actions[0][value]": "Calm" };
assert.match(await tryOut("ticketBatchPOST", batch), /1 action performed on 1 ticket/);
assert.match(await tryOut("ticketIndexGET", { query: "calm", status: "open" }), /"itemTotal": 1/);
assert.match(await tryOut("ticketSolveUnfinishedTicketsPUT", {}), /1 ticket solved/);
assert.match(await tryOut("ticketUnlinkCustomerFromTicketPOST", { ticketID: "1" }), /Customer unlinked/);
assert.match(await tryOut("ticketMultiDELETE", { "ticketIDs[]": "1" }), /1 ticket deleted/);
assert.match(await tryOut("ticketItemDELETE", { ticketID: "1" }), /This ticket does not exist/);
await page.fill("#key", "no-such-key");
assert.match(await tryOut("ticketIndexGET", {}), /401/);

await page.goto(`${base}/docs/control`);
await page.fill("#key", "");
assert.match(await tryOut("createAccount", { body: '{ "name": "acme" }' }), /201 Created[^]*"account": "acme"/);
assert.match(await tryOut("createAccount", { body: '{ "name": "acme" }' }), /409[^]*name-taken/);
assert.match(await tryOut("setClock", { account: "acme", body: '{ "mode": "frozen", "at": "2026-03-01T12:00:00Z" }' }), /"mode": "frozen"/);
assert.match(await tryOut("advanceClock", { account: "acme", body: '{ "by": "P3D" }' }), /2026-03-04T12:00:00Z/);
assert.match(await tryOut("listRequests", { account: "self", operation: "setPriority" }), /"operation": "ticket.setPriority"/);
assert.match(await tryOut("verify", { account: "self", body: '{ "operation": "delete", "count": { "exactly": 5 } }' }), /409[^]*Expected exactly 5 requests/);
assert.match(await tryOut("takeSnapshot", { account: "self", name: "one" }), /201 Created/);
assert.match(await tryOut("restoreSnapshot", { account: "self", name: "one" }), /204 No Content/);
assert.match(await tryOut("getAccount", {}), /"account": "dev"/);
assert.match(await tryOut("addFault", { account: "acme", body: '{ "preset": "flaky" }' }), /201 Created[^]*"preset": "flaky"/);
assert.match(await tryOut("wait", { account: "acme", operation: "create", timeout: "1ms" }), /409[^]*No request was received/);
assert.equal(await page.locator("#streamRequests form").count(), 0, "what never ends has no form");
assert.match(await page.textContent("#warnings"), /early-retry/);
assert.match(await page.textContent("#presets"), /dropped-responses/);
assert.match(await tryOut("removeAccount", { account: "acme" }), /204 No Content/);
const problems = await page.$$eval("#problems dt", (all) => all.map((element) => element.textContent));
assert.ok(problems.some((problem) => /docs\/control#unknown-account 404/.test(problem)), problems.join());
const unnamedHere = await page.$$eval("input, select, textarea", (all) => all.filter((one) => !one.labels.length).map((one) => one.outerHTML));
assert.deepEqual(unnamedHere, [], "every input of the control page has a label");
await page.goto(`${base}/docs`);

const unnamed = await page.$$eval("input, select", (all) => all.filter((one) => !one.labels.length).map((one) => one.outerHTML));
assert.deepEqual(unnamed, [], "every input has a label");
assert.deepEqual(elsewhere, [], "nothing is loaded from another host");
assert.deepEqual(troubles, []);
await browser.close();
console.log("Both pages work.");
