/** The server of the tests: REDIS_URL, or a redis-server of their own. */
import { spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

const ATTEMPTS = 200;

/** A server that is up, and how to leave it; null where there is none. */
export async function startServer(): Promise<{ redis: Redis; stop: () => void } | null> {
  const url = process.env.REDIS_URL;
  if (url !== undefined) {
    const redis = new Redis(url);
    return { redis, stop: () => redis.disconnect() };
  }
  if (spawnSync("redis-server", ["--version"]).status !== 0) return null;
  const port = await freePort();
  const options = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"];
  const server = spawn("redis-server", options, { stdio: "ignore" });
  const redis = new Redis(port, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on("error", () => {}); // it is asked again until it is up
  const stop = () => {
    redis.disconnect();
    server.kill();
  };
  for (let attempt = 0; attempt < ATTEMPTS && redis.status !== "ready"; attempt++) await sleep(50);
  if (redis.status === "ready") return { redis, stop };
  stop();
  throw new Error("redis-server gave no answer");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
