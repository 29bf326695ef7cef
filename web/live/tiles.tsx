// The numbers at the top, each with what it was over the last two minutes.
import type { ComponentChildren } from "preact";
import { Line } from "./charts";
import { count, rate } from "./format";
import type { View } from "./view";

/** A lag of more than both is worth a colour: records, and seconds at the rate of now. */
const MUCH = 100;
const MANY_S = 10;

const behind = (lag: number, perSecond: number): string =>
  perSecond >= 1 ? `records, about ${rate(lag / perSecond)} s` : "records not worked on yet";

interface TileProps {
  label: string;
  value: string;
  note: string;
  tone?: string;
  children?: ComponentChildren;
}

function Tile({ label, value, note, tone = "", children }: TileProps) {
  return (
    <li class={`tile ${tone}`}>
      <p class="label">{label}</p>
      <p class="figure">{value}</p>
      <p class="note">{note}</p>
      {children}
    </li>
  );
}

export function Tiles({ view: { hello, latest } }: { view: View }) {
  const { history, lag } = latest;
  const minutes = Math.round(hello.window_s / 60);
  const window = latest.is_full ? `the latest ${count(hello.most_visits)} visits` : `in the last ${minutes} min`;
  return (
    <ul class="tiles" aria-label="Now">
      <Tile label="Records per second" value={rate(latest.rate)} note={`${count(latest.records)} since the start`} tone="records">
        <Line values={history.records} what="Records" />
      </Tile>
      <Tile
        label="Lag"
        value={lag === null ? "–" : count(lag)}
        note={lag === null ? "not known" : lag ? behind(lag, latest.rate) : "workers have read all"}
        tone={lag !== null && lag > MUCH && lag > MANY_S * latest.rate ? "busy" : ""}
      />
      <Tile label="Visitors" value={count(latest.visitors)} note={window} tone="visitors">
        <Line values={history.visitors} what="New visitors" />
      </Tile>
      <Tile label="Visits" value={count(latest.visits)} note={window} tone="visits">
        <Line values={history.visits} what="New visits" />
      </Tile>
      <Tile label="Rejected" value={count(latest.rejections)} note="dead letters, bytes kept" tone={latest.rejections ? "bad" : ""}>
        <Line values={history.rejected} what="Rejected records" />
      </Tile>
      <Tile label="Triggers fired" value={count(latest.firings)} note={hello.has_triggers ? "once for each cause" : "the rules have none"} tone="fired">
        <Line values={history.fired} what="Triggers fired" />
      </Tile>
    </ul>
  );
}
