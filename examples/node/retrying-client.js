// A client that handles lost responses and rate limits, and a client with two mistakes. Replace them with yours.
import { setTimeout } from "node:timers/promises";
import { ApiError, DeskClient } from "./desk-client.js";

// Searches for the ticket before it repeats a request, and waits as long as `Retry-After` says.
export class RetryingClient extends DeskClient {
  constructor(account, { sleep = (seconds) => setTimeout(1000 * seconds), ...options } = {}) {
    super(account, options);
    this.sleep = sleep;
  }

  async createTicket(title) {
    try {
      return await super.createTicket(title);
    } catch (error) {
      // Retry after a broken connection, a truncated response, a timeout, or a 5xx.
      if (error instanceof ApiError && error.status < 500) throw error;
      return (await this.findTicket(title)) ?? (await super.createTicket(title));
    }
  }

  async findTicket(title) {
    const { items } = await this.call("GET", `?${new URLSearchParams({ query: title })}`);
    return items.find((ticket) => ticket.title === title)?.id;
  }

  retryDelay(response) {
    return Number(response.headers.get("Retry-After"));
  }

  async send(url, options) {
    const response = await super.send(url, options);
    if (response.status !== 429) return response;
    await this.sleep(this.retryDelay(response));
    return this.send(url, options);
  }
}

// The same client with two common mistakes.
export class NaiveClient extends RetryingClient {
  async findTicket() {
    return undefined;
  }

  retryDelay() {
    return 1;
  }
}
