-- wants 6: command 1 has no 'send'
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", sent = "A {target}" },
  },
}
return family
