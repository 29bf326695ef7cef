/**
 * Calls the visitor-profile script: events in, flags and profiles out. Every decision is made in
 * Lua. Copy this file: it needs ioredis and the rendered script (`lua/rendered/lean.lua`).
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Cluster, type Redis, ReplyError } from "ioredis";

/** Text (sent as UTF-8), bytes as they are, or an integer. Empty text means absent. */
export type Argument = string | Buffer | number;

export interface VisitorEvent {
  /** Place in the stream; needed where the call names a stream. */
  readonly offset?: Argument;
  /** When it was received, ms since the epoch. */
  readonly receivedMs?: Argument;
  /** When its device made it, ms since the epoch by the device's clock. */
  readonly createdMs?: Argument;
  /** When its device sent it, by the same clock. */
  readonly sentMs?: Argument;
  /** Recognises the event when it is sent again. */
  readonly eventId?: string | Buffer;
  readonly visitId?: Argument;
  /** What the rules use, in the contract's order. The presets: event type, page. */
  readonly inputs: readonly Argument[];
}

type FieldType = "string" | "decimal" | "integer" | "boolean" | "list" | "counts";

export type FieldTypes = Readonly<Record<string, FieldType>>;

/** The fields of all presets; `profiler lua contract --rules my.toml` lists those of others. */
export const PRESET_FIELDS = {
  visitor_id: "string",
  visitor_first_page: "string",
  visitor_last_page: "string",
  visitor_first_seen: "integer",
  visitor_last_seen: "integer",
  visitor_pageviews: "integer",
  visitor_events: "integer",
  visitor_active_days: "integer",
  visitor_first_touch_source: "string",
  visitor_first_touch_medium: "string",
  visitor_first_touch_campaign: "string",
  visitor_first_touch_click_id: "string",
  visitor_first_touch_channel: "string",
  visitor_last_touch_source: "string",
  visitor_last_touch_medium: "string",
  visitor_last_touch_campaign: "string",
  visitor_last_touch_click_id: "string",
  visitor_last_touch_channel: "string",
  visitor_visits: "integer",
  visitor_is_returning: "boolean",
  visit_id: "string",
  visit_number: "integer",
  visit_first_page: "string",
  visit_last_page: "string",
  visit_start: "integer",
  visit_end: "integer",
  visit_pageviews: "integer",
  visit_events: "integer",
  visit_landing_url: "string",
  visit_conversions: "integer",
  visit_touch_source: "string",
  visit_touch_medium: "string",
  visit_touch_campaign: "string",
  visit_touch_click_id: "string",
  visit_touch_channel: "string",
  visit_engaged_time: "integer",
  visit_duration: "integer",
  visit_engaged: "boolean",
  visit_bounce: "boolean",
} as const satisfies FieldTypes;

type Value = {
  string: string;
  decimal: string;
  integer: number;
  boolean: boolean;
  list: readonly string[];
  counts: ReadonlyMap<string, number>;
};

/** A value as the server sent it. */
export type Raw = Buffer | number | readonly (Buffer | number)[];

/** A profile by the names of its fields; what is not known yet is undefined. */
export type Profile<F extends FieldTypes> = { readonly [N in keyof F]?: Value[F[N]] };

/** A trigger of the rules that an event fired or undid. */
export interface Trigger {
  readonly name: string;
  /** The same when it fires, is retracted, and fires again. */
  readonly id: string;
  readonly state: "fired" | "retracted";
  /** The event's, ms since the epoch; undefined where it is not known. */
  readonly timeMs: number | undefined;
}

/** What became of one event. */
export interface Answer<F extends FieldTypes> {
  /** For instance new_visitor, repeated; the contract lists them. */
  readonly flags: ReadonlySet<string>;
  /** Empty where the flags have `forgotten`. Ids and pages that are no UTF-8 are lossy here. */
  readonly profile: Profile<F>;
  /** All known values as the server sent them, those of fields without a type too. */
  readonly raw: ReadonlyMap<string, Raw>;
  readonly triggers: readonly Trigger[];
}

/** A reply as ioredis gives it; an integer is a string where the client has `stringNumbers`. */
export type Reply = Buffer | number | string | null | Reply[];

/** Text and count in turn. */
const countsOf = (values: readonly (Buffer | number)[]): Map<string, number> =>
  new Map(
    values.flatMap((text, at) =>
      at % 2 === 0 ? [[String(text), Number(values[at + 1])] as const] : [],
    ),
  );

const rawOf = (sent: Buffer | number | string): Buffer | number =>
  Buffer.isBuffer(sent) ? sent : Number(sent);

const TRIGGER_WORDS = 4;

/** What rules with triggers answer behind the fields: name, id, state, time, name, ... */
function triggersOf(behind: readonly Reply[]): Trigger[] {
  const [told = [], ...others] = behind;
  if (others.length > 0 || !Array.isArray(told) || told.length % TRIGGER_WORDS !== 0) {
    throw new TypeError("the script's answer has more than flags, values and triggers");
  }
  const words = told.map(String);
  return words.flatMap((name, at) => {
    if (at % TRIGGER_WORDS !== 0) return [];
    const [id = "", state, time] = words.slice(at + 1);
    const timeMs = time ? Number(time) : undefined;
    return [{ name, id, state: state as Trigger["state"], timeMs }];
  });
}

const RETRYABLE = new Set(
  "BUSY CLUSTERDOWN LOADING MASTERDOWN MISCONF NOREPLICAS NOSCRIPT OOM READONLY TRYAGAIN".split(
    " ",
  ),
);

/** The server's answer was an error; connection errors stay as ioredis throws them. */
export class ProfileError extends Error {
  override readonly name = "ProfileError";
  /** The first word: EBADARG, EPROFILE, ELAYOUT, OOM, ... */
  readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = message.split(" ", 1)[0] ?? "";
  }

  /** Whether the same call may succeed later: back off, then repeat it as it is. */
  get isRetryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

const SHORT_ID = 6;

/**
 * The six bytes that stand for an event's id: the script takes them as they are, so that the
 * server need not hash the id. Both are the same event to it. An empty id stays empty.
 */
export function shortId(eventId: string | Buffer): Buffer {
  const bytes = Buffer.from(eventId as string);
  if (bytes.length === 0 || bytes.length === SHORT_ID) return bytes;
  return createHash("sha1").update(bytes).digest().subarray(0, SHORT_ID);
}

/** The key of a visitor: the id percent-encoded, or hashed when longer than 128 bytes. */
export function keyOf(visitorId: string | Buffer, pattern = "visitor:{<id>}"): string {
  const bytes = Buffer.from(visitorId as string);
  const hashed = () => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const escaped = (char: string) => `%${Buffer.from(char, "latin1").toString("hex").toUpperCase()}`;
  const plain = () => bytes.toString("latin1").replace(/[^\w.~-]/g, escaped);
  const encoded = bytes.length > 128 ? hashed() : plain();
  return pattern.replace("<id>", () => encoded);
}

export interface Options<F extends FieldTypes> {
  /** The types of the rules' fields. */
  readonly fields?: F;
  /** The rules' `store.key`. */
  readonly key?: string;
}

/** By their number the script tells a read from a fold. */
const READ_ARGUMENTS = 2;

const NO_FLAGS = Buffer.alloc(0);

/** So often does one call load the script: other programs may flush it again and again. */
const MAX_LOADS = 10;

/** One script on one server or cluster. */
export class ProfileScript<F extends FieldTypes = typeof PRESET_FIELDS> {
  readonly sha: string;
  readonly #redis: Redis | Cluster;
  readonly #source: Buffer;
  readonly #fields: FieldTypes;
  readonly #key: string | undefined;
  #names: readonly string[] | undefined;

  static async fromFile<F extends FieldTypes = typeof PRESET_FIELDS>(
    redis: Redis | Cluster,
    path: string | URL,
    options?: Options<F>,
  ): Promise<ProfileScript<F>> {
    return new ProfileScript(redis, await readFile(path), options);
  }

  constructor(redis: Redis | Cluster, source: Buffer, options: Options<F> = {}) {
    this.sha = createHash("sha1").update(source).digest("hex");
    this.#redis = redis;
    this.#source = source;
    this.#fields = options.fields ?? PRESET_FIELDS;
    this.#key = options.key;
  }

  /**
   * Folds one visitor's events, 1 to 500, in order.
   *
   * @param call.stream names where offsets count; without one there is no watermark. Calls of one
   *   visitor and stream must not overlap: await one before the next.
   * @returns one answer for each event
   * @throws ProfileError the server answered with an error; nothing was written
   */
  async apply(
    visitorId: string | Buffer,
    events: readonly VisitorEvent[],
    call: { readonly stream?: Argument; readonly floor?: Argument } = {},
  ): Promise<Answer<F>[]> {
    const argv = [visitorId, call.stream ?? "", call.floor ?? "", events.length];
    for (const { offset = "", receivedMs = "", createdMs = "", sentMs = "", ...event } of events) {
      argv.push(offset, receivedMs, createdMs, sentMs);
      argv.push(shortId(event.eventId ?? ""), event.visitId ?? "", ...event.inputs);
    }
    return this.call([keyOf(visitorId, this.#key)], argv);
  }

  /**
   * The latest visit's profile; undefined where the visitor is not known. Changes nothing.
   *
   * @param nowMs left out: as of the latest event
   */
  async read(visitorId: string | Buffer, nowMs: Argument = ""): Promise<Answer<F> | undefined> {
    const [answer] = await this.call([keyOf(visitorId, this.#key)], [visitorId, nowMs]);
    return answer;
  }

  /** Both with KEYS and ARGV as the contract has them; a read brings one answer or none. */
  async call(keys: readonly string[], argv: readonly Argument[]): Promise<Answer<F>[]> {
    if (argv.length === READ_ARGUMENTS) {
      const pairs = await this.send(keys, argv);
      if (pairs.length === 0) return [];
      const names = pairs.filter((_, at) => at % 2 === 0).map(String);
      return [this.#answer(names, [NO_FLAGS, ...pairs.filter((_, at) => at % 2 === 1)])];
    }
    // The script itself says them, and is asked once: another order is another SHA.
    const names = this.#names ?? (await this.send(keys, ["fields"])).map(String);
    this.#names = names;
    const events = await this.send(keys, argv);
    return events.map((values) => this.#answer(names, values));
  }

  /** The same without a look at the reply. */
  async send(keys: readonly string[], argv: readonly Argument[]): Promise<Reply[]> {
    for (let loads = 0; ; loads++) {
      try {
        if (loads > 0) await this.#load();
        const command = [this.sha, keys.length, ...keys, ...argv];
        return (await this.#redis.callBuffer("EVALSHA", command)) as Reply[];
      } catch (error) {
        if (!(error instanceof ReplyError)) throw error;
        const failure = new ProfileError((error as Error).message, { cause: error });
        if (failure.code !== "NOSCRIPT" || loads === MAX_LOADS) throw failure;
      }
    }
  }

  /** Each primary of a cluster has scripts of its own; one that is away does not matter here. */
  async #load(): Promise<void> {
    const primaries = this.#redis instanceof Cluster ? this.#redis.nodes("master") : [this.#redis];
    const loads = primaries.map((node) => node.script("LOAD", this.#source));
    const [first, ...others] = await Promise.allSettled(loads);
    if (first?.status === "rejected" && others.every(({ status }) => status === "rejected")) {
      throw first.reason;
    }
  }

  /** Flags and values in the order of the names, null where one is not known. */
  #answer(names: readonly string[], answer: Reply): Answer<F> {
    const more = Array.isArray(answer) ? answer.slice(1 + names.length) : [];
    if (!Array.isArray(answer) || answer.length !== 1 + names.length + more.length) {
      throw new TypeError(`the script's answer is not flags and ${names.length} values`);
    }
    const triggers = triggersOf(more);
    const [flags, ...values] = answer;
    const set = new Set(String(flags).split(" ").filter(Boolean));
    // What was forgotten has no profile, whatever values stand there.
    const known = set.has("forgotten") ? [] : names;
    const raw = new Map<string, Raw>();
    const profile: Record<string, Value[FieldType]> = {};
    for (const [at, name] of known.entries()) {
      const sent = values[at] as Buffer | number | string | null | (Buffer | number | string)[];
      if (sent === null) continue;
      const value = Array.isArray(sent) ? sent.map(rawOf) : rawOf(sent);
      raw.set(name, value);
      const type = this.#fields[name];
      if (type === "integer") profile[name] = Number(value);
      else if (type === "boolean") profile[name] = value === 1;
      else if (type === "counts") profile[name] = countsOf(value as (Buffer | number)[]);
      else if (type === "list") profile[name] = (value as Buffer[]).map(String);
      else if (type !== undefined) profile[name] = value.toString();
    }
    return { flags: set, profile: profile as Profile<F>, raw, triggers };
  }
}
