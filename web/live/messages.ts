// What the service sends; profiler/service/live/state.py makes it.

export interface Field {
  name: string;
  scope: "visitor" | "visit";
  type: string;
  is_time: boolean;
}

export interface Hello {
  rules: string;
  rules_version: string;
  topics: { processed: string; persisted: string; rejected: string; triggers: string };
  is_guarded: boolean;
  has_triggers: boolean;
  tops: string[];
  fields: Field[];
  window_s: number;
  most_visits: number;
  most_visitors: number;
  events_each: number;
}

export interface SeenEvent {
  n: number;
  time: number;
  visitor: string | null;
  visit: string | null;
  number: number | null;
  kind: string | null;
  page: string | null;
  entry: string | null;
  channel: string | null;
  flags: string[];
  changes?: number | null;
}

export type Json = string | number | boolean | null;

/** An event of one visitor: the fields that it changed, with the values before and after. */
export interface VisitorEvent extends SeenEvent {
  changed: [field: string, before: Json, after: Json][];
  left_out: number;
  is_whole: boolean;
}

export interface Rejection {
  n: number;
  time: number;
  code: string;
  stage: string | null;
  reason: string;
  source: [topic: string, partition: number, offset: number] | null;
  size: number;
  bytes: string;
}

export interface Firing {
  n: number;
  time: number;
  trigger: string;
  state: string | null;
  scope: string | null;
  visitor: string | null;
}

export type Count = [name: string, count: number];

export interface Message {
  now: number;
  trouble: string;
  records: number;
  rate: number;
  history: { records: number[]; visits: number[]; visitors: number[]; rejected: number[]; fired: number[] };
  lag: number | null;
  skipped: number;
  visitors: number;
  visits: number;
  is_full: boolean;
  tops: Record<string, Count[]>;
  codes: Count[];
  rejections: number;
  triggers: Count[];
  firings: number;
  events: SeenEvent[];
  rejected: Rejection[];
  triggered: Firing[];
  hello?: Hello;
}
