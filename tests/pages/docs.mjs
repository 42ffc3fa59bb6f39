// Tests /docs in Chromium: fills in forms, sends them, and checks the displayed responses.
// scripts/pages-check.sh runs it; it starts the server and sets its URL in BASE. With PREFIX, a proxy removes this prefix
// from each path, sends its own Host, and tells the server nothing.
import http from "node:http";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const server = new URL(process.env.BASE);
const prefix = process.env.PREFIX;
const base = prefix ? `http://127.0.0.1:${await startProxy()}${prefix}` : server.origin;

function startProxy() {
  const proxy = http.createServer((request, response) => {
    if (!request.url.startsWith(`${prefix}/`)) return response.writeHead(404).end();
    const headers = { ...request.headers, host: server.host };
    const path = request.url.slice(prefix.length);
    const upstream = http.request(new URL(path, server), { method: request.method, headers }, (found) => {
      response.writeHead(found.statusCode, found.headers);
      found.pipe(response);
    });
    request.pipe(upstream);
  });
  proxy.unref();
  return new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(proxy.address().port)));
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage();
const externalUrls = [];
const consoleErrors = [];
page.on("request", (request) => request.url().startsWith(base) || externalUrls.push(request.url()));
page.on("pageerror", (error) => consoleErrors.push(error.message));
page.on("console", (message) => message.type() === "error" && !message.text().includes("status of 4") && consoleErrors.push(message.text()));

// Fills in the form of an operation, sends it, and returns the displayed response.
async function sendForm(operation, fields) {
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
assert.equal(page.url(), `${base}/docs`, "the root redirects to the page");
const markup = "<img src=x onerror=alert(1)>";
const created = await sendForm("ticketIndexPOST", {
  brandID: "1", channelID: "1", direction: "inbound", from: "ada@example.test", to: "desk@example.test", title: markup,
});
assert.match(created, /200 OK[^]*"ticketID": 1/);
const item = await sendForm("ticketItemGET", { ticketID: "1" });
assert.ok(item.includes(markup), "markup in a title is shown as text");
assert.equal(await page.locator("output img").count(), 0, "markup in a title creates no element");
assert.match(await sendForm("ticketItemPUT", { ticketID: "1", status: "closed" }), /Ticket updated/);
assert.match(await sendForm("ticketSetStatusPOST", { status: "open", "ticketIDs[]": "1" }), /Status of 1 ticket set to open/);
assert.match(await sendForm("ticketSetPriorityPOST", { priority: "low", "ticketIDs[]": "1, 1" }), /400[^]*is a duplicate/);
const batch = { TicketIDs: "1", "actions[0][actionType]": "title", "actions[0][value]": "Calm" };
assert.match(await sendForm("ticketBatchPOST", batch), /1 action performed on 1 ticket/);
assert.match(await sendForm("ticketIndexGET", { query: "calm", status: "open" }), /"itemTotal": 1/);
assert.match(await sendForm("ticketSolveUnfinishedTicketsPUT", {}), /1 ticket solved/);
assert.match(await sendForm("ticketUnlinkCustomerFromTicketPOST", { ticketID: "1" }), /Customer unlinked/);
assert.match(await sendForm("ticketMultiDELETE", { "ticketIDs[]": "1" }), /1 ticket deleted/);
assert.match(await sendForm("ticketItemDELETE", { ticketID: "1" }), /This ticket does not exist/);
await page.fill("#key", "no-such-key");
assert.match(await sendForm("ticketIndexGET", {}), /401/);

await page.goto(`${base}/docs/control`);
await page.fill("#key", "");
assert.match(await sendForm("createAccount", { body: '{ "name": "acme" }' }), /201 Created[^]*"account": "acme"/);
assert.match(await sendForm("createAccount", { body: '{ "name": "acme" }' }), /409[^]*name-taken/);
assert.match(await sendForm("setClock", { account: "acme", body: '{ "mode": "frozen", "at": "2026-03-01T12:00:00Z" }' }), /"mode": "frozen"/);
assert.match(await sendForm("advanceClock", { account: "acme", body: '{ "by": "P3D" }' }), /2026-03-04T12:00:00Z/);
assert.match(await sendForm("listRequests", { account: "self", operation: "setPriority" }), /"operation": "ticket.setPriority"/);
assert.match(await sendForm("verify", { account: "self", body: '{ "operation": "delete", "count": { "exactly": 5 } }' }), /409[^]*Expected exactly 5 requests/);
assert.match(await sendForm("takeSnapshot", { account: "self", name: "one" }), /201 Created/);
assert.match(await sendForm("restoreSnapshot", { account: "self", name: "one" }), /204 No Content/);
assert.match(await sendForm("getAccount", {}), /"account": "dev"/);
assert.match(await sendForm("addFault", { account: "acme", body: '{ "preset": "flaky" }' }), /201 Created[^]*"preset": "flaky"/);
assert.match(await sendForm("wait", { account: "acme", operation: "create", timeout: "1ms" }), /409[^]*No request was received/);
assert.equal(await page.locator("#streamRequests form").count(), 0, "the endless stream has no form");
assert.match(await page.textContent("#warnings"), /early-retry/);
assert.match(await page.textContent("#presets"), /dropped-responses/);
assert.match(await sendForm("removeAccount", { account: "acme" }), /204 No Content/);
const problems = await page.$$eval("#problems dt", (elements) => elements.map((element) => element.textContent));
assert.ok(problems.some((problem) => /docs\/control#unknown-account 404/.test(problem)), problems.join());
const unlabelledInControl = await page.$$eval("input, select, textarea", (elements) => elements.filter((element) => !element.labels.length).map((element) => element.outerHTML));
assert.deepEqual(unlabelledInControl, [], "every input of the control page has a label");
await page.goto(`${base}/docs`);

const unlabelled = await page.$$eval("input, select", (elements) => elements.filter((element) => !element.labels.length).map((element) => element.outerHTML));
assert.deepEqual(unlabelled, [], "every input has a label");
assert.deepEqual(externalUrls, [], "nothing is loaded from another host");
assert.deepEqual(consoleErrors, []);
await browser.close();
console.log(`Both pages work${prefix ? ` below ${prefix}` : ""}.`);
