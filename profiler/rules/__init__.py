"""The declared profile: rules are read, checked, rendered into Lua, and described as a contract."""
