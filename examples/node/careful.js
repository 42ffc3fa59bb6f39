// A client that copes with lost answers and busy servers, and one that believes it does. Yours takes their place.
import { setTimeout } from "node:timers/promises";
import { Desk } from "./desk.js";

// Looks whether a report has arrived before it sends it again, and waits as long as it is told.
export class CarefulDesk extends Desk {
  constructor(account, sleep = (seconds) => setTimeout(1000 * seconds)) {
    super(account);
    this.sleep = sleep;
  }

  async report(title) {
    try {
      return await super.report(title);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws when there is no answer
      return (await this.find(title)) ?? (await super.report(title));
    }
  }

  async find(title) {
    const { items } = await this.ask("GET", `?${new URLSearchParams({ query: title })}`);
    return items.find((item) => item.title === title)?.id;
  }

  pause(answer) {
    return Number(answer.headers.get("Retry-After"));
  }

  async send(url, request) {
    const answer = await super.send(url, request);
    if (answer.status !== 429) return answer;
    await this.sleep(this.pause(answer));
    return this.send(url, request);
  }
}

// The same with two usual mistakes.
export class HastyDesk extends CarefulDesk {
  async find() {
    return undefined;
  }

  pause() {
    return 1;
  }
}
