/**
 * Calls the visitor-profile script: events in, flags and profiles out. Every decision is made in
 * Lua. Copy this file: it needs ioredis and the rendered script (`lua/rendered/standard.lua`).
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Cluster, type Redis, ReplyError } from "ioredis";

/** Text (sent as UTF-8), bytes as they are, or an integer. Empty text means absent. */
export type Argument = string | Buffer | number;

export interface VisitorEvent {
  /** Place in the stream; needed where the call names a stream. */
  readonly offset?: Argument;
  /** The record's timestamp, ms since the epoch. */
  readonly recordMs?: Argument;
  /** The event's own time, ms since the epoch. */
  readonly eventMs?: Argument;
  /** Recognises the event when it is sent again. */
  readonly eventId?: Argument;
  readonly visitId?: Argument;
  /** What the rules use, in the contract's order. The presets: event type, page. */
  readonly inputs: readonly Argument[];
}

export type FieldTypes = Readonly<Record<string, "string" | "integer" | "boolean">>;

/** The fields of both presets; `profiler lua contract --rules my.toml` lists those of others. */
export const PRESET_FIELDS = {
  visitor_id: "string",
  visitor_first_page: "string",
  visitor_last_page: "string",
  visitor_first_seen: "integer",
  visitor_last_seen: "integer",
  visitor_pageviews: "integer",
  visitor_events: "integer",
  visitor_visits: "integer",
  visit_id: "string",
  visit_number: "integer",
  visit_first_page: "string",
  visit_last_page: "string",
  visit_start: "integer",
  visit_end: "integer",
  visit_pageviews: "integer",
  visit_events: "integer",
  visit_bounce: "boolean",
} as const satisfies FieldTypes;

type Value = { string: string; integer: number; boolean: boolean };

/** A profile by the names of its fields; what is not known yet is undefined. */
export type Profile<F extends FieldTypes> = { readonly [N in keyof F]?: Value[F[N]] };

/** What became of one event. */
export interface Answer<F extends FieldTypes> {
  /** For instance new_visitor, repeated; the contract lists them. */
  readonly flags: ReadonlySet<string>;
  /** Ids and pages that are no UTF-8 are lossy here. */
  readonly profile: Profile<F>;
  /** All values as the server sent them, those of fields without a type too. */
  readonly raw: ReadonlyMap<string, Buffer>;
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

/** So often does one call load the script: other programs may flush it again and again. */
const MAX_LOADS = 10;

/** One script on one server or cluster. */
export class ProfileScript<F extends FieldTypes = typeof PRESET_FIELDS> {
  readonly sha: string;
  readonly #redis: Redis | Cluster;
  readonly #source: Buffer;
  readonly #fields: FieldTypes;
  readonly #key: string | undefined;

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
   * Folds one visitor's events, at most 500, in order.
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
    const argv = [visitorId, call.stream ?? "", call.floor ?? ""];
    for (const { offset = "", recordMs = "", eventMs = "", ...event } of events) {
      argv.push(offset, recordMs, eventMs, event.eventId ?? "", event.visitId ?? "");
      argv.push(...event.inputs);
    }
    return this.call([keyOf(visitorId, this.#key)], argv);
  }

  /** The same with KEYS and ARGV as the contract has them. */
  async call(keys: readonly string[], argv: readonly Argument[]): Promise<Answer<F>[]> {
    for (let loads = 0; ; loads++) {
      try {
        if (loads > 0) await this.#load();
        const command = [this.sha, keys.length, ...keys, ...argv];
        const reply = (await this.#redis.callBuffer("EVALSHA", command)) as Buffer[][];
        return reply.map((answer) => this.#decode(answer));
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

  #decode([flags, ...pairs]: Buffer[]): Answer<F> {
    const raw = new Map<string, Buffer>();
    const profile: Record<string, string | number | boolean> = {};
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const [name, value] = [String(pairs[at]), pairs[at + 1] as Buffer];
      const type = this.#fields[name];
      raw.set(name, value);
      if (type === "string") profile[name] = value.toString();
      else if (type === "integer") profile[name] = Number(value);
      else if (type === "boolean") profile[name] = value.toString() === "1";
    }
    const names = String(flags).split(" ").filter(Boolean);
    return { flags: new Set(names), profile: profile as Profile<F>, raw };
  }
}
