// The live page: connects, keeps the view, and lays out its parts.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Bars } from "./charts";
import { Letters } from "./letters";
import { Card } from "./parts";
import { listen, logIn, logOut, takeFromAddress } from "./service";
import { Stream } from "./stream";
import { Tiles } from "./tiles";
import { Triggers } from "./triggers";
import { type View, viewAfter } from "./view";
import { Visitor } from "./visitor";

type Connection = { state: "connecting" | "live" | "lost" | "refused"; reason: string };

const TOPS: Record<string, [title: string, about: string]> = {
  entry: ["Entry pages", "Where the visits of the window began."],
  channel: ["Channels", "How they came."],
  source: ["Sources", "Who sent them."],
};

function Page() {
  const [latest, show] = useState<View | null>(null);
  const [connection, connect] = useState<Connection>({ state: "connecting", reason: "" });
  const [held, hold] = useState<View | null>(null);
  const [address, go] = useState(takeFromAddress);
  const [chosen, choose] = useState(address.visitor);
  // In a pause everything is still taken, so that nothing is missing after it.
  const isPaused = held !== null;
  const view = held ?? latest;

  useEffect(() => {
    // The same tab may be given another address, with a token or a visitor.
    const follow = (): void => {
      if (!location.hash) return;
      const next = takeFromAddress();
      if (next.visitor) choose(next.visitor);
      go(next);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const refused = (reason = ""): void => {
    connect({ state: "refused", reason });
    show(null);
    hold(null);
  };
  useEffect(() => {
    let stop = (): void => {};
    let isOver = false;
    const begin = (): void => {
      if (isOver) return;
      stop = listen({
        message: (message) => {
          connect({ state: "live", reason: message.trouble });
          show((before) => viewAfter(before, message));
        },
        lost: (reason) => connect({ state: "lost", reason }),
        refused,
      });
    };
    connect({ state: "connecting", reason: "" });
    if (address.token) {
      logIn(address.token).then(begin, (error: Error) => refused(error.message));
    } else {
      begin();
    }
    return () => {
      isOver = true;
      stop();
    };
  }, [address]);

  if (connection.state === "refused") {
    return <SignIn reason={connection.reason} enter={(token) => go({ token, visitor: "" })} />;
  }
  return (
    <>
      <nav class="skips" aria-label="Skip to">
        {["events", "visitor", "rejected", "triggers"].map((id) => <Skip key={id} to={id} />)}
      </nav>
      <header>
        <h1><img src="/assets/icon.svg" alt="" width="26" height="26" />Visitor profiler</h1>
        {view && (
          <p class="way">
            <code>{view.hello.topics.processed}</code> <span aria-hidden="true">→</span> one Redis script <span aria-hidden="true">→</span> <code>{view.hello.topics.persisted}</code>
            <span class="rules">rules <code>{view.hello.rules_version}</code></span>
          </p>
        )}
        <Status connection={connection} isPaused={isPaused} />
        <button type="button" class="pause" aria-pressed={isPaused} onClick={() => hold(isPaused ? null : latest)}>{isPaused ? "Go on" : "Pause"}</button>
        {view?.hello.is_guarded && (
          <button type="button" onClick={() => void logOut().then(() => go({ token: "", visitor: "" }))}>Sign out</button>
        )}
      </header>
      <main>
        {view ? (
          <>
            <Tiles view={view} />
            <div class="grid">
              <Stream view={view} chosen={chosen} choose={choose} />
              <Visitor view={view} chosen={chosen} choose={choose} refused={refused} />
              {view.hello.tops.map((kind) => {
                const [title, about] = TOPS[kind] ?? [kind, ""];
                return (
                  <Card key={kind} id={kind} title={title} about={about}>
                    <Bars counts={view.latest.tops[kind] ?? []} label={title} empty="None yet." tone={kind} />
                  </Card>
                );
              })}
              <Letters view={view} />
              <Triggers view={view} chosen={chosen} choose={choose} />
            </div>
          </>
        ) : (
          <p class="empty first">{connection.state === "lost" ? connection.reason : "Connecting…"}</p>
        )}
      </main>
    </>
  );
}

function Skip({ to }: { to: string }) {
  const go = (event: Event): void => {
    event.preventDefault(); // the address stays without a hash
    document.getElementById(to)?.focus();
  };
  return <a href={`#${to}`} onClick={go}>Skip to {to}</a>;
}

function Status({ connection: { state, reason }, isPaused }: { connection: Connection; isPaused: boolean }) {
  const isWell = state === "live" && !reason;
  const said = isWell ? (isPaused ? "Paused" : "Live") : state === "lost" ? "Connecting anew" : state === "live" ? "No records" : "Connecting";
  return (
    <p class={`status ${isWell && !isPaused ? "well" : "waits"}`} role="status">
      <span class="dot" aria-hidden="true" />
      {said}
      {reason && <span class="reason">{reason}</span>}
    </p>
  );
}

function SignIn({ reason, enter }: { reason: string; enter: (token: string) => void }) {
  return (
    <main class="sign-in">
      <section class="card" aria-labelledby="sign-in-title">
        <h1 id="sign-in-title"><img src="/assets/icon.svg" alt="" width="26" height="26" />Visitor profiler</h1>
        <p>This page shows who visits, so it wants the service’s token: the setting <code>serve.token</code>. The browser then keeps a cookie for twelve hours.</p>
        <form onSubmit={(event) => {
          event.preventDefault();
          enter(String(new FormData(event.currentTarget).get("token")).trim());
        }}>
          <label for="token">Token</label>
          <input id="token" name="token" type="password" autocomplete="off" required aria-describedby="wrong" />
          <button type="submit" class="strong">Open</button>
        </form>
        <p id="wrong" class="trouble" role="alert">{reason}</p>
      </section>
    </main>
  );
}

render(<Page />, document.getElementById("page") as HTMLElement);
