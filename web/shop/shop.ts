// The demo's shop: pages as any shop has them, and the genuine Snowplow browser tracker.
import {
  clearUserData,
  enableActivityTracking,
  newSession,
  newTracker,
  trackPageView,
  trackStructEvent,
} from "@snowplow/browser-tracker";

const tracker = newTracker("sp1", location.origin, {
  appId: "nordlicht-shop",
  contexts: { webPage: true, session: false },
});
if (!tracker) throw new Error("the tracker did not start");

enableActivityTracking({ minimumVisitLength: 5, heartbeatDelay: 10 });
trackPageView();

const status = element("said");
const live = element<HTMLAnchorElement>("live");

/** Says what happened, also to screen readers. */
function say(text: string): void {
  status.textContent = text;
}

function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as Kind;
}

/** Links to the live page, at the profile of this browser's visitor. */
function showLink(): void {
  if (address) live.href = `${address}&visitor=${encodeURIComponent(tracker!.getDomainUserId())}`;
}

function when(id: string, act: () => void): void {
  document.getElementById(id)?.addEventListener("click", act);
}

when("order", () => {
  trackStructEvent({ category: "shop", action: "order", label: "Aurora tent", value: 289.5 });
  say("Ordered, for 289.50. The visitor’s profile has it now.");
});
when("new-visit", () => {
  newSession();
  trackPageView();
  say("A new visit has begun.");
});
// Who comes by a campaign comes for a new visit.
for (const link of document.querySelectorAll(".arrival")) {
  link.addEventListener("click", () => newSession());
}
when("new-visitor", () => {
  clearUserData();
  newSession();
  trackPageView();
  showLink();
  say("You are somebody else now: a new visitor.");
});
when("broken", () => {
  void fetch("/broken", { method: "POST" }).then(() =>
    say("A record that is not JSON is on its way. The stream goes on without it."),
  );
});

const { live_page: address } = (await (await fetch("/demo.json")).json()) as { live_page: string };
if (address) {
  showLink();
  live.hidden = false;
}
