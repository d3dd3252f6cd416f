-- wants 7: a command has no field 'expects' (did you mean 'expect'?)
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A {target}" },
    { name = "B", send = "B", expects = "^done" },
  },
}
return family
