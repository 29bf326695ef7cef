/**
 * Makes the calls of a file in order: lines {"key": ..., "argv": [...]}, by the script of `standard`.
 * Ends with one line {"calls": n, "events": n}.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, LUA } from "./connect.ts";
import { ProfileError, ProfileScript } from "./profile.ts";

interface Call {
  readonly key: string;
  readonly argv: readonly string[];
}

const ATTEMPTS = 100;
const BACKOFF_MS = 20;

async function repeated(script: ProfileScript, { key, argv }: Call): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await script.call([key], argv)).length;
    } catch (error) {
      const isWorthIt = error instanceof ProfileError && error.isRetryable;
      if (!isWorthIt || attempt === ATTEMPTS) throw error;
      await sleep(BACKOFF_MS);
    }
  }
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: run-stream FILE");
const lines = (await readFile(path, "utf8")).split("\n").filter(Boolean);
const redis = connect();
try {
  const script = await ProfileScript.fromFile(redis, new URL("rendered/standard.lua", LUA));
  let events = 0;
  for (const line of lines) events += await repeated(script, JSON.parse(line));
  console.log(JSON.stringify({ calls: lines.length, events }));
} finally {
  redis.disconnect();
}
