// Small charts: a line over two minutes, and bars of a top list.
import type { ComponentChildren } from "preact";
import type { Count } from "./messages";
import { count, rate } from "./format";

const SECONDS = 120;
const WIDTH = 240;
const HEIGHT = 44;

/** Counts by second; the newest is at the right edge. */
export function Line({ values, what }: { values: number[]; what: string }) {
  const top = Math.max(1, ...values);
  const step = WIDTH / (SECONDS - 1);
  const start = WIDTH - (values.length - 1) * step;
  const points = values.map((value, at) => {
    const x = (start + at * step).toFixed(1);
    const y = (HEIGHT - 2 - (value / top) * (HEIGHT - 6)).toFixed(1);
    return `${x},${y}`;
  });
  const line = points.length > 1 ? `M${points.join("L")}` : "";
  const label = `${what}, by second over two minutes: highest ${rate(Math.max(0, ...values))}`;
  return (
    <svg class="line" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {line && <path class="area" d={`${line}L${WIDTH},${HEIGHT}L${start.toFixed(1)},${HEIGHT}Z`} />}
      {line && <path class="stroke" d={line} />}
      <path class="base" d={`M0,${HEIGHT - 0.5}H${WIDTH}`} />
    </svg>
  );
}

interface BarsProps {
  counts: Count[];
  label: string;
  empty: ComponentChildren;
  tone?: string;
}

/** Names with their counts, the largest first. */
export function Bars({ counts, label, empty, tone = "" }: BarsProps) {
  if (!counts.length) return <p class="empty">{empty}</p>;
  const top = Math.max(...counts.map(([, value]) => value));
  return (
    <ol class={`bars ${tone}`} aria-label={label}>
      {counts.map(([name, value]) => (
        <li key={name}>
          <span class="bar" style={{ width: `${(value / top) * 100}%` }} />
          <span class="name" title={name}>{name}</span>
          <span class="value">{count(value)}</span>
        </li>
      ))}
    </ol>
  );
}
