-- What a script finds on the server. `redis` is described member by member, so that a misspelt
-- command function is a finding.
stds.redis = {
  read_globals = {
    redis = { fields = { "call", "pcall", "error_reply", "status_reply", "sha1hex", "register_function", "acl_check_cmd" } },
    cmsgpack = { fields = { "pack", "unpack" } },
    bit = { fields = { "band", "bor", "lshift" } },
    struct = { fields = { "pack", "unpack" } },
    "KEYS", "ARGV",
    "error", "ipairs", "math", "pairs", "pcall", "string", "table", "tonumber", "tostring", "type", "unpack",
  },
}
std = "redis"
max_line_length = false -- stylua holds it, and lists of values are wrapped by the renderer
