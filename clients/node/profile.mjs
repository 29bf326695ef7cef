// Calls the visitor-profile script: event arguments in, flags and profiles out, all decisions in Lua.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ReplyError } from "ioredis";

/** The server's answer was an error; `code` is its first word: EBADARG, EPROFILE, ELAYOUT, OOM, ... */
export class ProfileError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "ProfileError";
    this.code = message.split(" ", 1)[0];
  }
}

export class ProfileScript {
  static async fromFile(redis, path) {
    return new ProfileScript(redis, await readFile(path));
  }

  constructor(redis, source) {
    this.redis = redis;
    this.source = source;
    this.sha = createHash("sha1").update(source).digest("hex");
  }

  /** Fold one visitor's events; resolves to one {flags: Set of strings, profile: name -> Buffer} each. */
  async call(keys, argv) {
    const run = () => this.redis.callBuffer("EVALSHA", this.sha, keys.length, ...keys, ...argv);
    try {
      return (await run().catch((error) => this.#load(error).then(run))).map(decode);
    } catch (error) {
      throw error instanceof ReplyError ? new ProfileError(error.message, { cause: error }) : error;
    }
  }

  async #load(error) {
    if (!(error instanceof ReplyError && error.message.startsWith("NOSCRIPT"))) throw error;
    await this.redis.call("SCRIPT", "LOAD", this.source);
  }
}

function decode([flags, ...pairs]) {
  const profile = {};
  for (let at = 0; at < pairs.length; at += 2) profile[pairs[at].toString()] = pairs[at + 1];
  return { flags: new Set(flags.toString().split(" ").filter(Boolean)), profile };
}
