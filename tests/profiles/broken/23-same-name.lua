-- wants 7: two commands are named 'A'
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A {target}" },
    { name = "A", send = "B" },
  },
}
return family
