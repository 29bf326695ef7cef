-- What a script finds on the server. `redis` is described member by member, so that a misspelt
-- command function is a finding.
stds.redis = {
  read_globals = {
    redis = { fields = { "call", "pcall", "error_reply", "status_reply", "sha1hex", "register_function" } },
    cmsgpack = { fields = { "pack", "unpack" } },
    struct = { fields = { "pack", "unpack" } },
    "KEYS", "ARGV",
    "assert", "ipairs", "math", "pairs", "pcall", "string", "table", "tonumber", "tostring", "type", "unpack",
  },
}
std = "redis"
max_line_length = 100
