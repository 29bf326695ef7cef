// The events as they come. The list holds still while somebody points at it or is in it by keyboard.
//
// The roles are those that the elements have anyway: a narrow page lays the rows out as a grid, and
// browsers then take the table's meaning away.
import { useRef, useState } from "preact/hooks";
import { Card, Flags, VisitorButton } from "./parts";
import { count, time } from "./format";
import type { SeenEvent } from "./messages";
import type { View } from "./view";

interface Props {
  view: View;
  chosen: string;
  choose: (visitor: string) => void;
}

export function Stream({ view, chosen, choose }: Props) {
  const [isHeld, hold] = useState(false);
  const shown = useRef<SeenEvent[]>([]);
  if (!isHeld) shown.current = view.events;
  const { skipped } = view.latest;
  return (
    <Card
      id="events"
      title="Events"
      about="Each event leaves with the profile of its visitor, as of that moment. Choose a visitor to see what each event changed."
      extra={<span class="hint">{isHeld ? "held while you are here" : skipped ? `a sample: ${count(skipped)} were too many to show` : ""}</span>}
    >
      {shown.current.length ? (
        <div
          class="scroll"
          onMouseEnter={() => hold(true)}
          onMouseLeave={(event) => hold(event.currentTarget.querySelector(":focus-visible") !== null)}
          onFocusIn={(event) => hold((event.target as Element).matches(":focus-visible"))}
          onFocusOut={(event) => hold(event.currentTarget.contains(event.relatedTarget as Node | null))}
        >
          <table class="events" role="table">
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col" role="columnheader">Time</th>
                <th scope="col" role="columnheader">Visitor</th>
                <th scope="col" role="columnheader">Event</th>
                <th scope="col" role="columnheader">Visit</th>
                <th scope="col" role="columnheader">Began at</th>
                <th scope="col" role="columnheader">Came by</th>
                <th scope="col" role="columnheader" class="number">Changed</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {shown.current.map((event) => (
                <Row key={event.n} event={event} chosen={chosen} choose={choose} />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p class="empty">No event yet. They are shown from the moment on when the service began.</p>
      )}
    </Card>
  );
}

function Row({ event, chosen, choose }: { event: SeenEvent } & Omit<Props, "view">) {
  const { visitor } = event;
  return (
    <tr role="row" class={visitor !== null && visitor === chosen ? "chosen" : ""}>
      <td class="time" role="cell">{time(event.time)}</td>
      <td role="cell">{visitor === null ? <span class="nobody">anonymous</span> : <VisitorButton id={visitor} chosen={chosen} choose={choose} />}</td>
      <td class="what" role="cell">
        <div>
          <span class="text">{event.page ?? event.kind ?? "–"}</span>
          {event.page !== null && event.kind !== null && <span class="kind">{event.kind}</span>}
          <Flags flags={event.flags} />
        </div>
      </td>
      <td class="visit" role="cell">{event.number === null ? "" : `#${event.number}`}</td>
      <td class="what" role="cell"><div><span class="text">{event.entry ?? ""}</span></div></td>
      <td class="came" role="cell">{event.channel ?? ""}</td>
      <td class="number" role="cell">{event.changes == null ? "" : event.changes}</td>
    </tr>
  );
}
