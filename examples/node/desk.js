// The client under test. Yours takes its place: all it needs is a base URL and a key.

export class Desk {
  constructor({ base_url, api_key }) {
    this.tickets = `${base_url}/api/v2/ticket`;
    this.headers = { apiKey: api_key };
  }

  async report(title) {
    const ticket = { brandID: 1, channelID: 1, direction: "inbound", from: "ada@example.test", to: "desk@example.test", title };
    const form = new FormData();
    for (const [name, value] of Object.entries(ticket)) form.append(name, value);
    return (await this.ask("POST", "", form)).ticketID;
  }

  async close(ticket) {
    await this.ask("PUT", `/${ticket}`, new URLSearchParams({ status: "closed" }));
  }

  async solve(...tickets) {
    const form = new FormData();
    form.append("status", "solved");
    for (const ticket of tickets) form.append("ticketIDs[]", ticket);
    await this.ask("POST", "/setStatus", form);
  }

  async titles(search = {}) {
    const { items } = await this.ask("GET", `?${new URLSearchParams(search)}`);
    return items.map((item) => item.title);
  }

  async ask(method, path, body) {
    const answer = await this.send(this.tickets + path, { method, headers: this.headers, body });
    const { message, ...rest } = await answer.json();
    if (!answer.ok) throw new Error(message);
    return rest;
  }

  send(url, request) {
    return fetch(url, request);
  }
}
