// Runs the conformance vectors against REDIS_URL and prints TAP; ends with 1 at the first mismatch.
// lua/vectors/README.md describes the format.
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { isDeepStrictEqual, inspect } from "node:util";
import { Redis } from "ioredis";
import { keyOf } from "./key.mjs";
import { ProfileError, ProfileScript } from "./profile.mjs";

const LUA = new URL("../../lua/", import.meta.url);
const PREFIX = "<prefix>";
const TTL_TOLERANCE_MS = 5_000;

class Mismatch extends Error {}

const bytesOf = (value) =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(value.b64, "base64");

// Printable, the same for equal bytes, and plain text where the bytes are plain text.
const shown = (buffer) => buffer.toString("latin1");

// What is compared: names in order, values as text, flags in order.
const comparable = (values) =>
  Object.fromEntries(
    Object.entries(values)
      .map(([name, value]) => [name, shown(Buffer.isBuffer(value) ? value : bytesOf(value))])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
const answer = ({ flags, profile }) => ({
  flags: [...flags].sort(),
  profile: comparable(profile),
});

function expectSame(what, got, expected) {
  if (isDeepStrictEqual(got, expected)) return;
  const lines = (value) => inspect(value, { depth: null, breakLength: 100 }).split("\n");
  const [left, right] = [lines(expected), lines(got)];
  const diff = [
    ...left.filter((line) => !right.includes(line)).map((line) => `- ${line.trim()}`),
    ...right.filter((line) => !left.includes(line)).map((line) => `+ ${line.trim()}`),
  ];
  throw new Mismatch([`${what} (- expected, + got)`, ...diff].join("\n"));
}

async function outcomeOf(script, keys, argv) {
  try {
    return (await script.call(keys, argv)).map(answer);
  } catch (error) {
    if (error instanceof ProfileError) return { error: error.code };
    throw error;
  }
}

async function check(redis, script, vector) {
  const prefix = `vectors:${randomUUID()}:`;
  const place = (key) => (key.startsWith(PREFIX) ? prefix + key.slice(PREFIX.length) : key);
  const key = place(vector.key);
  const visitorId = bytesOf(vector.calls[0].argv[0]);
  if (visitorId.length > 0) expectSame("key", prefix + keyOf(visitorId), key);
  try {
    for (const command of vector.before ?? []) {
      const words = command.map((word) => (typeof word === "string" ? place(word) : bytesOf(word)));
      await redis.call(...words);
    }
    for (const [number, { keys, argv, reply, error }] of vector.calls.entries()) {
      const got = await outcomeOf(script, keys.map(place), argv.map(bytesOf));
      const expected = error ? { error } : reply.map(answer);
      expectSame(`call ${number + 1} of ${vector.calls.length}`, got, expected);
    }
    const hash = Object.entries(await redis.hgetallBuffer(key));
    const visible = Object.fromEntries(hash.filter(([name]) => !name.startsWith("~")));
    expectSame("hash", comparable(visible), comparable(vector.hash));
    const ttl = await redis.pttl(key);
    const isRight =
      vector.ttl_ms === null
        ? ttl < 0
        : ttl <= vector.ttl_ms && ttl >= vector.ttl_ms - TTL_TOLERANCE_MS;
    if (!isRight) throw new Mismatch(`TTL: expected ${vector.ttl_ms} ms, got ${ttl} ms`);
  } finally {
    await redis.unlink(key);
  }
}

const comment = (text) => text.replace(/^/gm, "# ");

async function main(redis) {
  const names = (await readdir(new URL("vectors/", LUA))).filter((name) => name.endsWith(".json"));
  const texts = names.sort().map((name) => readFile(new URL(`vectors/${name}`, LUA), "utf8"));
  const vectors = (await Promise.all(texts)).flatMap((text) => JSON.parse(text));
  const scripts = {};
  for (const preset of new Set(vectors.map((vector) => vector.preset))) {
    scripts[preset] = await ProfileScript.fromFile(redis, new URL(`rendered/${preset}.lua`, LUA));
  }

  console.log(`TAP version 13\n1..${vectors.length}`);
  for (const [index, vector] of vectors.entries()) {
    try {
      await check(redis, scripts[vector.preset], vector);
      console.log(`ok ${index + 1} - ${vector.name}`);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      console.log(`not ok ${index + 1} - ${vector.name}\n${comment(vector.why)}`);
      console.log(`${comment(error.message)}\nBail out! ${vector.name}`);
      return 1;
    }
  }
  return 0;
}

const redis = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379", {
  maxRetriesPerRequest: 1,
  retryStrategy: () => null,
});
redis.on("error", (error) => console.error(`Redis: ${error.message}`));
try {
  process.exitCode = await main(redis);
} catch (error) {
  console.error(error);
  process.exitCode = 2;
} finally {
  redis.disconnect();
}
