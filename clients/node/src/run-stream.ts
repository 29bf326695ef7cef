/**
 * Makes the calls of a file in order, as they can be read, by the script of `lean`. The file
 * has lines {"key": ..., "argv": [...]}; ends with one line {"calls": n, "events": n}.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
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
const redis = connect();
try {
  const script = await ProfileScript.fromFile(redis, new URL("rendered/lean.lua", LUA));
  const done = { calls: 0, events: 0 };
  for await (const line of createInterface({ input: createReadStream(path, "utf8") })) {
    done.events += await repeated(script, JSON.parse(line));
    done.calls += 1;
  }
  console.log(JSON.stringify(done));
} finally {
  redis.disconnect();
}
