/**
 * Runs the conformance vectors and prints TAP; lua/vectors/README.md describes their format.
 * Ends with 1 at the first wrong answer, with 2 when there is none.
 */
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { inspect, isDeepStrictEqual } from "node:util";
import type { Cluster, Redis } from "ioredis";
import { connect, LUA } from "./connect.ts";
import { keyOf, ProfileError, ProfileScript, type Raw } from "./profile.ts";

type Bytes = string | { readonly hex: string };
type Value = Bytes | number | boolean | null;
type Values = Readonly<Record<string, Value | readonly (Bytes | number)[]>>;

interface Expected {
  readonly flags: readonly string[];
  readonly profile: Values;
  readonly triggers?: readonly string[];
}

interface Call {
  readonly keys: readonly string[];
  readonly argv: readonly Bytes[];
  readonly reply?: readonly Expected[];
  readonly read?: Values;
  readonly fields?: readonly string[];
  readonly error?: string;
}

interface Vector {
  readonly name: string;
  readonly script: string;
  readonly why: string;
  readonly visitor: Bytes;
  readonly key: string;
  readonly before?: readonly (readonly Bytes[])[];
  readonly calls: readonly Call[];
  readonly hash: Values | null;
  readonly ttl_ms: number | null;
}

const PREFIX = "<prefix>";
const TTL_TOLERANCE_MS = 5_000;

class Mismatch extends Error {}

const bytesOf = (value: Bytes): Buffer =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(value.hex, "hex");

// Printable, the same for equal bytes, and plain text where the bytes are plain text.
const shown = (value: Raw): unknown => {
  if (typeof value === "number") return value;
  return Buffer.isBuffer(value) ? value.toString("latin1") : [...(value as Raw[])].map(shown);
};

const rawOf = (value: Bytes | number | boolean): Buffer | number =>
  typeof value === "number" || typeof value === "boolean" ? Number(value) : bytesOf(value);

const sorted = (pairs: Iterable<readonly [string, Raw]>) =>
  Object.fromEntries([...pairs].map(([name, value]) => [name, shown(value)] as const).sort());

/** What the server sends for the values: flags are 1 or 0, and null is not there. */
const expectedValues = (values: Values) =>
  sorted(
    Object.entries(values).flatMap(([name, value]) => {
      if (value === null) return [];
      const isList = Array.isArray(value);
      return [[name, isList ? value.map(rawOf) : rawOf(value as Bytes)] as const];
    }),
  );

function expectSame(what: string, got: unknown, expected: unknown): void {
  if (isDeepStrictEqual(got, expected)) return;
  const lines = (value: unknown) => inspect(value, { depth: null, breakLength: 100 }).split("\n");
  const [left, right] = [lines(expected), lines(got)];
  const diff = [
    ...left.filter((line) => !right.includes(line)).map((line) => `- ${line.trim()}`),
    ...right.filter((line) => !left.includes(line)).map((line) => `+ ${line.trim()}`),
  ];
  throw new Mismatch([`${what} (- expected, + got)`, ...diff].join("\n"));
}

async function outcomeOf(script: ProfileScript, call: Call, keys: string[]): Promise<unknown> {
  const argv = call.argv.map(bytesOf);
  try {
    if (call.fields ?? call.error) return { reply: (await script.send(keys, argv)).map(String) };
    const answers = await script.call(keys, argv);
    return answers.map(({ flags, raw, triggers }) => ({
      flags: [...flags].sort(),
      profile: sorted(raw),
      triggers: triggers.flatMap((each) => [
        each.name,
        each.id,
        each.state,
        String(each.timeMs ?? ""),
      ]),
    }));
  } catch (error) {
    if (error instanceof ProfileError) return { error: error.code };
    throw error;
  }
}

function expectedOf({ error, fields, read, reply = [] }: Call): unknown {
  if (error !== undefined) return { error };
  if (fields !== undefined) return { reply: fields };
  const isKnown = read !== undefined && Object.keys(read).length > 0;
  const answers: readonly Expected[] = isKnown ? [{ flags: [], profile: read }] : reply;
  return answers.map(({ flags, profile, triggers = [] }) => ({
    flags: [...flags].sort(),
    profile: expectedValues(profile),
    triggers,
  }));
}

async function check(redis: Redis | Cluster, script: ProfileScript, vector: Vector): Promise<void> {
  const prefix = `vectors:${randomUUID()}:`;
  const place = (key: string) => (key.startsWith(PREFIX) ? prefix + key.slice(PREFIX.length) : key);
  const key = place(vector.key);
  expectSame("key", prefix + keyOf(bytesOf(vector.visitor)), key);
  try {
    for (const command of vector.before ?? []) {
      const words = command.map((word) => (typeof word === "string" ? place(word) : bytesOf(word)));
      await redis.call(String(words[0]), words.slice(1));
    }
    for (const [number, call] of vector.calls.entries()) {
      const got = await outcomeOf(script, call, call.keys.map(place));
      expectSame(`call ${number + 1} of ${vector.calls.length}`, got, expectedOf(call));
    }
    await checkStored(redis, key, vector.hash);
    const ttl = Number(await redis.pttl(key));
    const most = vector.ttl_ms;
    const isRight = most === null ? ttl < 0 : ttl <= most && ttl >= most - TTL_TOLERANCE_MS;
    if (!isRight) throw new Mismatch(`TTL: expected ${most} ms, got ${ttl} ms`);
  } finally {
    const used = vector.calls.flatMap((call) => call.keys.map(place));
    await Promise.all([...new Set([key, ...used])].map((each) => redis.unlink(each)));
  }
}

async function checkStored(redis: Redis | Cluster, key: string, expected: Values | null) {
  if (expected === null) {
    const type = await redis.type(key);
    if (type === "hash" || type === "none")
      throw new Mismatch(`TYPE: expected another, got ${type}`);
    return;
  }
  const hash = Object.entries(await redis.hgetallBuffer(key));
  const visible = hash.filter(([name]) => !name.startsWith("~"));
  expectSame("hash", sorted(visible), expectedValues(expected));
}

async function readVectors(): Promise<Vector[]> {
  const folder = new URL("vectors/", LUA);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, folder), "utf8")));
  return texts.flatMap((text) => JSON.parse(text) as Vector[]);
}

const comment = (text: string) => text.replace(/^/gm, "# ");

/** Whether all vectors hold. */
async function run(redis: Redis | Cluster): Promise<boolean> {
  const vectors = await readVectors();
  const scripts = new Map<string, ProfileScript>();
  console.log(`TAP version 14\n1..${vectors.length}`);
  for (const [index, vector] of vectors.entries()) {
    const path = new URL(vector.script, LUA);
    const script = scripts.get(vector.script) ?? (await ProfileScript.fromFile(redis, path));
    scripts.set(vector.script, script);
    try {
      await check(redis, script, vector);
      console.log(`ok ${index + 1} - ${vector.name}`);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      console.log(`not ok ${index + 1} - ${vector.name}`);
      console.log(`${comment(vector.why)}\n${comment(error.message)}\nBail out! ${vector.name}`);
      return false;
    }
  }
  return true;
}

const redis = connect();
try {
  process.exitCode = (await run(redis)) ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 2;
} finally {
  redis.disconnect();
}
