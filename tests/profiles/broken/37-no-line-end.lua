-- wants 6: command 'A' ends no line, and there is no wrap: add \n
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A {target}" },
  },
}
return family
