// Talks to the service: one stream of messages, and questions about one visitor.
import type { Message, VisitorEvent } from "./messages";

/** A message comes every second at least; after so long without one the stream is dead. */
const SILENCE_MS = 10_000;
const RETRY_MS = 1_500;

/** The service wants a token, or another one. */
export class NotAllowed extends Error {}

export interface Address {
  token: string;
  visitor: string;
}

/**
 * What stands behind the # of the address.
 *
 * It never leaves the browser; it is taken out of the address, so that it is not in the history or
 * in a link that somebody copies.
 */
export function takeFromAddress(): Address {
  const given = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname);
  return { token: given.get("token") ?? "", visitor: given.get("visitor") ?? "" };
}

/** Shows the token, once; from then on the browser has a cookie, which no script can read. */
export async function logIn(token: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("/login", { method: "POST", headers, body: JSON.stringify({ token }) });
  if (response.status === 401) throw new NotAllowed("This is not the token.");
  // 403: the service has no token, and wants none.
  if (!response.ok && response.status !== 403) throw new Error(`The service answers ${response.status}.`);
}

export async function logOut(): Promise<void> {
  await fetch("/logout", { method: "POST" });
}

async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(path, { cache: "no-store", ...(signal && { signal }) });
  if (response.status === 401) throw new NotAllowed();
  return response;
}

export interface Listener {
  message(message: Message): void;
  lost(reason: string): void;
  refused(): void;
}

/** Listens until the returned function is called; connects anew by itself. */
export function listen(listener: Listener): () => void {
  const over = new AbortController();
  void (async () => {
    while (!over.signal.aborted) {
      try {
        await readStream(listener, over.signal);
        listener.lost("The service has ended the stream.");
      } catch (error) {
        if (over.signal.aborted) return;
        if (error instanceof NotAllowed) {
          listener.refused();
          return;
        }
        listener.lost(error instanceof Error && error.message ? error.message : "No answer.");
      }
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
    }
  })();
  return () => over.abort();
}

async function readStream(listener: Listener, over: AbortSignal): Promise<void> {
  const silence = new AbortController();
  const signal = AbortSignal.any([over, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await ask("/v1/live", signal);
    if (!response.ok || !response.body) throw new Error(`The service answers ${response.status}.`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const events = (text + value).split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        if (event.startsWith("data: ")) listener.message(JSON.parse(event.slice(6)) as Message);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

export type Profile = Record<string, unknown>;

/** The stored profile; null where the service knows nobody of this id. */
export async function profileOf(visitor: string): Promise<Profile | null> {
  const response = await ask(`/v1/visitors/${encodeURIComponent(visitor)}`);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`The service answers ${response.status}.`);
  return ((await response.json()) as { profile: Profile }).profile;
}

export async function lastEventsOf(visitor: string): Promise<VisitorEvent[]> {
  const response = await ask(`/v1/live/visitors/${encodeURIComponent(visitor)}`);
  if (!response.ok) throw new Error(`The service answers ${response.status}.`);
  return ((await response.json()) as { events: VisitorEvent[] }).events;
}
