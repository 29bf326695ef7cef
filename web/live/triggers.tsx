// Triggers as they fire, and as an event undoes them.
import { Bars } from "./charts";
import { time, words } from "./format";
import { Card, VisitorButton } from "./parts";
import type { View } from "./view";

interface Props {
  view: View;
  chosen: string;
  choose: (visitor: string) => void;
}

export function Triggers({ view, chosen, choose }: Props) {
  const none = view.hello.has_triggers
    ? "None has fired yet."
    : "These rules declare no trigger. A trigger is a condition on the profile: when it begins to hold, a record of its own leaves.";
  return (
    <Card id="triggers" title="Triggers" about="A condition on the profile has begun to hold, or holds no more.">
      <Bars counts={view.latest.triggers} label="How often each trigger fired" empty={none} tone="triggers" />
      {view.triggered.length > 0 && (
        <ul class="firings">
          {view.triggered.map((firing) => (
            <li key={firing.n}>
              <span class="time">{time(firing.time)}</span>
              <b>{words(firing.trigger)}</b>
              <span class={firing.state === "fired" ? "flag good" : "flag"}>{firing.state}</span>
              {firing.visitor !== null && <VisitorButton id={firing.visitor} chosen={chosen} choose={choose} />}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
