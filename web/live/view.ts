// What the page knows: the latest message, and lists that grow by what each message brings.
import type { Firing, Hello, Message, Rejection, SeenEvent } from "./messages";

export interface View {
  hello: Hello;
  latest: Message;
  events: SeenEvent[];
  rejected: Rejection[];
  triggered: Firing[];
}

const EVENTS = 40;
const OTHERS = 30;

/** The view after a message; a first message, also of a service that began anew, begins anew. */
export function viewAfter(view: View | null, message: Message): View | null {
  const hello = message.hello ?? view?.hello;
  if (!hello) return null;
  const before = message.hello ? null : view;
  return {
    hello,
    latest: message,
    events: [...message.events, ...(before?.events ?? [])].slice(0, EVENTS),
    rejected: [...message.rejected, ...(before?.rejected ?? [])].slice(0, OTHERS),
    triggered: [...message.triggered, ...(before?.triggered ?? [])].slice(0, OTHERS),
  };
}
