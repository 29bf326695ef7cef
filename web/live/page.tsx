// The live page: connects, keeps the view, and lays out its parts.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Bars } from "./charts";
import { Letters } from "./letters";
import { Card } from "./parts";
import { hasToken, keepToken, listen, takeFromAddress } from "./service";
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
  const [view, show] = useState<View | null>(null);
  const [connection, connect] = useState<Connection>({ state: "connecting", reason: "" });
  const [isPaused, pause] = useState(false);
  const [chosen, choose] = useState(() => takeFromAddress().visitor);
  const [attempt, again] = useState(0);
  const paused = useRef(false);
  paused.current = isPaused;

  useEffect(
    () =>
      listen({
        message: (message) => {
          connect({ state: "live", reason: message.trouble });
          if (!paused.current || message.hello) show((before) => viewAfter(before, message));
        },
        lost: (reason) => connect({ state: "lost", reason }),
        refused: () => connect({ state: "refused", reason: "" }),
      }),
    [attempt],
  );
  useEffect(() => {
    // The same tab is given an address with a token or a visitor.
    const follow = (): void => {
      const { visitor } = takeFromAddress();
      if (visitor) choose(visitor);
      again((count) => count + 1);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  if (connection.state === "refused") {
    return <SignIn wasWrong={hasToken()} enter={(token) => {
      keepToken(token);
      connect({ state: "connecting", reason: "" });
      again(attempt + 1);
    }} />;
  }
  const refused = (): void => connect({ state: "refused", reason: "" });
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
        <button type="button" class="pause" aria-pressed={isPaused} onClick={() => pause(!isPaused)}>{isPaused ? "Go on" : "Pause"}</button>
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

function SignIn({ wasWrong, enter }: { wasWrong: boolean; enter: (token: string) => void }) {
  return (
    <main class="sign-in">
      <section class="card" aria-labelledby="sign-in-title">
        <h1 id="sign-in-title"><img src="/assets/icon.svg" alt="" width="26" height="26" />Visitor profiler</h1>
        <p>This page shows who visits, so it wants the service’s token: the setting <code>serve.token</code>. It stays in this tab.</p>
        <form onSubmit={(event) => {
          event.preventDefault();
          enter(String(new FormData(event.currentTarget).get("token")).trim());
        }}>
          <label for="token">Token</label>
          <input id="token" name="token" type="password" autocomplete="off" required aria-describedby="wrong" />
          <button type="submit" class="strong">Open</button>
        </form>
        <p id="wrong" class="trouble" role="alert">{wasWrong ? "This token is not the service’s." : ""}</p>
      </section>
    </main>
  );
}

render(<Page />, document.getElementById("page") as HTMLElement);
