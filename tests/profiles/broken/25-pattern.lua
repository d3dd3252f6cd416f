-- wants 5: malformed pattern
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  hello = { patterns = { "^[HELLO" } },
  commands = { { name = "A", send = "A {target}" } },
}
return family
