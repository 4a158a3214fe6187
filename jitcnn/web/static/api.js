// Requests to the server. Each page sends its own session id, which keeps pages independent.

const SESSION = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function answerOf(asked) {
  const response = await asked.catch(() => {
    throw new Error("The server does not respond: is `jitcnn play` still running?");
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

export const about = () => answerOf(fetch("/api/about"));

export async function ask(name, question = {}) {
  const headers = { "Content-Type": "application/json", "X-Session": SESSION };
  return answerOf(fetch(`/api/${name}`, { method: "POST", headers, body: JSON.stringify(question) }));
}

// Repeated requests, one in flight at a time; of those that arrive meanwhile, only the newest is sent.
export class Latest {
  constructor(name, onAnswer, onError) {
    Object.assign(this, { name, onAnswer, onError, busy: false, next: null });
  }

  async ask(question, since = performance.now()) {
    if (this.busy) {
      this.next = { question, since };
      return;
    }
    this.busy = true;
    try {
      this.onAnswer(await ask(this.name, question), since);
    } catch (error) {
      this.onError(error);
    }
    this.busy = false;
    const next = this.next;
    this.next = null;
    if (next !== null) this.ask(next.question, next.since);
  }
}
