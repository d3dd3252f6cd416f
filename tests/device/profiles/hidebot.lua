-- Speaks to tests/specimens/hidebot.c.
local scenario = require("scenario")

return scenario.family {
  name = "hidebot",
  description = "Test profile of the specimen that hides its words",
  ports = { tcp = { 6667 } },
  hello = { patterns = { "^hide " } },
  commands = {
    { name = "TABLE", send = "TABLE\n", expect = "table" },
    { name = "WIPE", send = "WIPE\n", expect = "wiped" },
  },
}
