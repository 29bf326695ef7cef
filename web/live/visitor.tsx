// One visitor: the stored profile, and the last events with the fields that each one changed.
import { useEffect, useRef, useState } from "preact/hooks";
import { Card, Flags } from "./parts";
import { day, moment, time } from "./format";
import type { Field, Json, VisitorEvent } from "./messages";
import { NotAllowed, type Profile, lastEventsOf, profileOf } from "./service";
import type { View } from "./view";

/** Between two looks while events of the visitor come, and while none is seen. */
const SOON_MS = 400;
const REGULAR_MS = 5_000;

interface Known {
  visitor: string;
  profile: Profile | null;
  events: VisitorEvent[];
  trouble: string;
}

interface Props {
  view: View;
  chosen: string;
  choose: (visitor: string) => void;
  refused: () => void;
}

export function Visitor({ view, chosen, choose, refused }: Props) {
  const known = useVisitor(view, chosen, refused);
  const [said, say] = useState("");
  useEffect(() => {
    if (known?.visitor === chosen) say(known.trouble || (known.profile ? `Visitor ${chosen}` : `Nobody is known by the id ${chosen}.`));
  }, [known?.visitor, chosen]);
  return (
    <Card id="visitor" title="One visitor" about="What is known now, and how the last events made it so.">
      <form
        class="search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          choose(String(new FormData(event.currentTarget).get("visitor")).trim());
        }}
      >
        <label for="wanted">Visitor id</label>
        <input id="wanted" name="visitor" key={chosen} defaultValue={chosen} autocomplete="off" spellcheck={false} />
        <button type="submit">Show</button>
      </form>
      <p class="unseen" role="status">{said}</p>
      {chosen && known?.visitor === chosen ? (
        <Found known={known} fields={view.hello.fields} most={view.hello.events_each} />
      ) : (
        <p class="empty">{chosen ? "Looking…" : "Choose a visitor among the events, or search by id."}</p>
      )}
    </Card>
  );
}

/** Asks for the visitor now, again when an event of it is among the latest, and regularly. */
function useVisitor(view: View, chosen: string, refused: () => void): Known | null {
  const [known, know] = useState<Known | null>(null);
  const newest = view.events.find((event) => event.visitor === chosen)?.n ?? 0;
  const askedAt = useRef(0);
  useEffect(() => {
    if (!chosen) return;
    let isOver = false;
    let timer = 0;
    const ask = async (): Promise<void> => {
      askedAt.current = Date.now();
      let trouble = "";
      let profile: Profile | null = null;
      let events: VisitorEvent[] = [];
      try {
        [profile, events] = await Promise.all([profileOf(chosen), lastEventsOf(chosen)]);
      } catch (error) {
        if (error instanceof NotAllowed) refused();
        trouble = error instanceof Error ? error.message : "";
      }
      if (isOver) return;
      know({ visitor: chosen, profile, events, trouble });
      timer = window.setTimeout(() => void ask(), REGULAR_MS);
    };
    const wait = known?.visitor === chosen ? Math.max(0, askedAt.current + SOON_MS - Date.now()) : 0;
    timer = window.setTimeout(() => void ask(), wait);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [chosen, newest]);
  return known;
}

function Found({ known, fields, most }: { known: Known; fields: Field[]; most: number }) {
  const { profile, events, trouble } = known;
  const lately = new Set(events[0]?.changed.map(([name]) => name));
  const times = new Set(fields.filter((field) => field.is_time).map((field) => field.name));
  return (
    <>
      <p class="whose">{known.visitor}</p>
      {trouble && <p class="trouble">{trouble}</p>}
      {!trouble && !profile && <p class="empty">Nobody is known by this id.</p>}
      {profile && (
        <div class="profile">
          <Fields title="The visitor" scope="visitor" fields={fields} profile={profile} lately={lately} />
          <Fields title="The latest visit" scope="visit" fields={fields} profile={profile} lately={lately} />
        </div>
      )}
      {events.length > 0 && (
        <>
          <h3>Last events</h3>
          <ol class="changes" tabIndex={0} aria-label={`The last ${events.length} events, at most ${most}`}>
            {events.map((event) => (
              <li key={event.n}>
                <p class="happened">
                  <span class="time">{time(event.time)}</span>
                  <b>{event.page ?? event.kind ?? "–"}</b>
                  {event.page !== null && event.kind !== null && <span class="kind">{event.kind}</span>}
                  {event.number !== null && <span class="kind">visit #{event.number}</span>}
                  <Flags flags={event.flags} />
                </p>
                <Changed event={event} times={times} />
              </li>
            ))}
          </ol>
        </>
      )}
      {profile && !events.length && <p class="empty">No event of this visitor came since the service began.</p>}
    </>
  );
}

interface FieldsProps {
  title: string;
  scope: string;
  fields: Field[];
  profile: Profile;
  lately: Set<string>;
}

function Fields({ title, scope, fields, profile, lately }: FieldsProps) {
  const shown = fields.filter((field) => field.scope === scope && field.name !== "visitor_id" && profile[field.name] != null);
  return (
    <div>
      <h3>{title}</h3>
      <dl>
        {shown.map((field) => (
          <div key={field.name} class={lately.has(field.name) ? "lately" : ""}>
            <dt>{without(scope, field.name)}</dt>
            <dd title={String(profile[field.name])}>{readable(profile[field.name] as Json, field.is_time && day)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Changed({ event, times }: { event: VisitorEvent; times: Set<string> }) {
  const fields = event.changed.filter(([name]) => name !== "visitor_id" && name !== "visit_id");
  return (
    <>
      {fields.length > 0 && (
        <ul>
          {fields.map(([name, before, after]) => (
            <li key={name}>
              <span class="field">{name}</span>
              {before !== null && (
                <>
                  <s class="before">{readable(before, times.has(name) && moment)}</s>
                  <span class="arrow" aria-hidden="true">→</span>
                  <span class="unseen">became</span>
                </>
              )}
              <span class="after">{readable(after, times.has(name) && (before === null ? day : moment))}</span>
            </li>
          ))}
        </ul>
      )}
      {event.left_out > 0 && <p class="empty">{event.left_out} more fields are not shown.</p>}
      {!event.is_whole && <p class="empty">An earlier event was not seen here, so there is nothing to compare all fields with.</p>}
      {event.is_whole && !fields.length && <p class="empty">It changed nothing.</p>}
    </>
  );
}

const without = (scope: string, name: string): string => (name.startsWith(`${scope}_`) ? name.slice(scope.length + 1) : name);

function readable(value: Json, asTime: false | ((ms: number) => string)): string {
  if (value === null) return "–";
  if (typeof value === "number" && asTime) return asTime(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
