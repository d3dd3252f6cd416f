-- wants 6: wants the family's stop, and there is none
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A {target}", stop = true },
  },
}
return family
