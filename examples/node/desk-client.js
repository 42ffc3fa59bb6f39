// The client under test. Replace it with yours, which needs a base URL and an API key.

// The help desk rejected the request. With any other error, and with a 5xx, the outcome of the request is unknown.
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class DeskClient {
  constructor({ base_url, api_key }, { timeout = 10_000 } = {}) {
    this.timeout = timeout;
    this.ticketsUrl = `${base_url}/api/v2/ticket`;
    this.headers = { apiKey: api_key };
  }

  async createTicket(title) {
    const ticket = { brandID: 1, channelID: 1, direction: "inbound", from: "ada@example.test", to: "desk@example.test", title };
    const form = new FormData();
    for (const [name, value] of Object.entries(ticket)) form.append(name, value);
    return (await this.call("POST", "", form)).ticketID;
  }

  async closeTicket(id) {
    await this.call("PUT", `/${id}`, new URLSearchParams({ status: "closed" }));
  }

  async solveTickets(...ids) {
    const form = new FormData();
    form.append("status", "solved");
    for (const id of ids) form.append("ticketIDs[]", id);
    await this.call("POST", "/setStatus", form);
  }

  async listTitles(search = {}) {
    const { items } = await this.call("GET", `?${new URLSearchParams(search)}`);
    return items.map((ticket) => ticket.title);
  }

  async call(method, path, body) {
    const response = await this.send(this.ticketsUrl + path, { method, headers: this.headers, body });
    const { message, ...result } = await response.json();
    if (!response.ok) throw new ApiError(response.status, message);
    return result;
  }

  send(url, options) {
    return fetch(url, { ...options, signal: AbortSignal.timeout(this.timeout) });
  }
}
