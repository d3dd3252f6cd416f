-- wants 5: options has no 'qiet' (did you mean 'quiet'?)
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  options = { qiet = 3 },
  commands = { { name = "A", send = "A {target}\n" } },
}
return family
