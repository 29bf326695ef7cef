/** The connection of the runners: REDIS_URL, and REDIS_CLUSTER=1 where that is a cluster's node. */
import { pathToFileURL } from "node:url";
import { Cluster, Redis } from "ioredis";

const NO_RETRIES = { maxRetriesPerRequest: 1, retryStrategy: () => null };
// ioredis 6.0.0 reads integers next to 2^53 wrongly by one (redis/ioredis#2164).
const EXACT = { stringNumbers: true };

/** A client that gives up at once where there is no server. */
export function connect(): Redis | Cluster {
  const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
  const redis =
    process.env.REDIS_CLUSTER === "1"
      ? new Cluster([url], { clusterRetryStrategy: () => null, redisOptions: EXACT })
      : new Redis(url, { ...NO_RETRIES, ...EXACT });
  return redis.on("error", (error: Error) => console.error(`Redis: ${error.message}`));
}

/** The folder with vectors/ and rendered/: LUA_DIR, or that of this repository. */
export const LUA = process.env.LUA_DIR
  ? pathToFileURL(`${process.env.LUA_DIR}/`)
  : new URL("../../../lua/", import.meta.url);
