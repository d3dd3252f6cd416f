-- wants 5: 'unknown' is a string, and must be a table
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  unknown = "^what",
  commands = { { name = "A", send = "A {target}\n" } },
}
return family
