import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { LUA } from "./connect.ts";
import { keyOf, PRESET_FIELDS, ProfileError, ProfileScript, shortId } from "./profile.ts";
import { startServer } from "./testserver.ts";

const T0 = 1_800_000_000_000;

describe("keyOf", () => {
  test("encodes all but unreserved characters", () => {
    assert.equal(keyOf("Az09-_.~"), "visitor:{Az09-_.~}");
    assert.equal(keyOf("a b{}:%/é\n"), "visitor:{a%20b%7B%7D%3A%25%2F%C3%A9%0A}");
  });

  test("takes bytes that are no UTF-8", () => {
    assert.equal(keyOf(Buffer.from([0xff, 0x00])), "visitor:{%FF%00}");
  });

  test("hashes what is longer than 128 bytes", () => {
    assert.equal(keyOf("x".repeat(128)), `visitor:{${"x".repeat(128)}}`);
    const long = "é".repeat(65); // 130 bytes
    const digest = createHash("sha256").update(long).digest("hex");
    assert.equal(keyOf(long), `visitor:{sha256:${digest}}`);
  });

  test("puts the id into another pattern as it is", () => {
    assert.equal(keyOf("$&", "p:<id>"), "p:%24%26");
  });
});

describe("shortId", () => {
  test("hashes an id that has not six bytes", () => {
    const hash = createHash("sha1").update("event-1").digest().subarray(0, 6);
    assert.deepEqual(shortId("event-1"), hash);
    assert.deepEqual(shortId(Buffer.from("event-1")), hash);
  });

  test("leaves six bytes and no id as they are", () => {
    assert.deepEqual(shortId("é2345"), Buffer.from("é2345"));
    assert.equal(shortId("").length, 0);
  });
});

describe("ProfileError", () => {
  test("tells what is worth another attempt", () => {
    const isRetryable = (message: string) => new ProfileError(message).isRetryable;
    assert.ok(["OOM command not allowed", "BUSY Redis is busy", "NOSCRIPT"].every(isRetryable));
    assert.ok(!["EBADARG ARGV", "EPROFILE damaged", "ELAYOUT 2", "NOPERM"].some(isRetryable));
  });
});

const server = await startServer();
const why = "install redis-server, or set REDIS_URL";
if (server === null && process.env.CI === "true") throw new Error(`CI: ${why}`);

describe("on a server", { skip: server === null ? why : false }, () => {
  const { redis, stop } = server as { redis: Redis; stop: () => void };
  const prefix = `node-test-${randomUUID()}:`;
  const options = { key: `${prefix}visitor:{<id>}` };
  let script: ProfileScript;

  before(async () => {
    script = await ProfileScript.fromFile(redis, new URL("rendered/lean.lua", LUA), options);
  });

  after(async () => {
    const keys = await redis.keys(`${prefix}*`);
    if (keys.length > 0) await redis.unlink(keys);
    stop();
  });

  const view = (number: number, page: string | Buffer) => ({
    receivedMs: T0 + number,
    eventId: `e${number}`,
    visitId: "A",
    inputs: ["Pageview", page],
  });

  test("gives each event its answer, typed and raw", async () => {
    const [first, second] = await script.apply("ada", [view(1, "Home"), view(2, "Prices")]);
    assert.deepEqual([...(first?.flags ?? [])].sort(), ["new_visit", "new_visitor"]);
    assert.equal(second?.flags.size, 0);
    assert.equal(first?.profile.visit_bounce, true);
    assert.equal(second?.profile.visit_bounce, false);
    assert.equal(second?.profile.visit_first_page, "Home");
    assert.equal(second?.profile.visit_last_page, "Prices");
    assert.equal(second?.profile.visit_end, T0 + 2);
    assert.equal(second?.raw.get("visit_end"), T0 + 2);
    assert.deepEqual(second?.raw.get("visit_id"), Buffer.from("A"));
    assert.equal(second?.raw.size, 17);
    assert.ok([...(second?.raw.keys() ?? [])].every((name) => name in PRESET_FIELDS));
  });

  test("has numbers also where the client reads them as strings", async () => {
    const exact = redis.duplicate({ stringNumbers: true });
    const other = await ProfileScript.fromFile(exact, new URL("rendered/lean.lua", LUA), options);
    const [answer] = await other.apply("exact", [view(1, "Home")]);
    exact.disconnect();
    assert.equal(answer?.profile.visit_start, T0 + 1);
    assert.equal(answer?.profile.visit_bounce, true);
    assert.equal(answer?.raw.get("visitor_events"), 1);
  });

  test("puts the clock of the device right", async () => {
    const wrong = T0 - 7_200_000; // two hours slow
    const event = { ...view(1, "Home"), receivedMs: T0, createdMs: wrong - 500, sentMs: wrong };
    const [answer] = await script.apply("clock", [event]);
    assert.ok(answer?.flags.has("time_corrected"));
    assert.equal(answer?.profile.visit_start, T0 - 500);
  });

  test("reads the latest visit, and writes nothing", async () => {
    assert.equal(await script.read("reader"), undefined);
    const [answer] = await script.apply("reader", [view(1, "Home")]);
    for (const now of ["", T0] as const) {
      const read = await script.read("reader", now);
      assert.equal(read?.flags.size, 0);
      assert.deepEqual(read?.profile, answer?.profile);
    }
  });

  test("knows an event again by its short id", async () => {
    for (const eventId of ["event-1", shortId("event-1")]) {
      const argv = ["short", "", "", 1, "", T0, "", "", eventId, "A", "Pageview", "Home"];
      const [answer] = await script.call([keyOf("short", options.key)], argv);
      assert.equal(answer?.flags.has("repeated"), eventId !== "event-1");
    }
  });

  test("refuses an answer of another length", async () => {
    const source = Buffer.from("return ARGV[1] == 'fields' and {'a', 'b'} or {{'', '1'}}");
    const call = new ProfileScript(redis, source).call(["visitor:{a}"], []);
    await assert.rejects(call, TypeError);
  });

  test("leaves out what is not known", async () => {
    const [answer] = await script.apply("bob", [{ receivedMs: T0, inputs: ["Click", ""] }]);
    assert.equal(answer?.profile.visitor_events, 1);
    assert.ok(!("visitor_first_page" in (answer?.profile ?? {})));
  });

  test("keeps bytes that are no UTF-8", async () => {
    const [answer] = await script.apply("raw", [view(1, Buffer.from([0xff, 0x41]))]);
    assert.deepEqual(answer?.raw.get("visit_first_page"), Buffer.from([0xff, 0x41]));
  });

  test("knows an offset of its stream again", async () => {
    const call = { stream: "s" };
    const event = { ...view(1, "Home"), offset: 7 };
    await script.apply("streamed", [event], call);
    const [again] = await script.apply("streamed", [event], call);
    assert.ok(again?.flags.has("replayed"));
    assert.equal(again?.profile.visitor_events, 1);
  });

  test("loads the script where it is not known", async () => {
    await redis.script("FLUSH");
    const [answer] = await script.apply("flushed", [view(1, "Home")]);
    assert.ok(answer?.flags.has("new_visitor"));
    assert.deepEqual(await redis.script("EXISTS", script.sha), [1]);
  });

  test("throws the script's error with its code", async () => {
    const isCode = (code: string) => (error: unknown) =>
      error instanceof ProfileError && error.code === code && !error.isRetryable;
    await assert.rejects(script.apply("", [view(1, "Home")]), isCode("EBADARG"));
    await redis.set(keyOf("odd", options.key), "no hash");
    await assert.rejects(script.apply("odd", [view(1, "Home")]), isCode("EPROFILE"));
  });

  test("takes the types of other rules", async () => {
    const source = await readFile(new URL("rendered/lean.lua", LUA));
    const fields = { visitor_events: "string" } as const;
    const other = new ProfileScript(redis, source, { ...options, fields });
    const [answer] = await other.apply("typed", [view(1, "Home")]);
    const events: string | undefined = answer?.profile.visitor_events;
    assert.deepEqual(answer?.profile, { visitor_events: "1" });
    assert.equal(events, "1");
  });
});
