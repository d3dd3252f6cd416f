-- wants 5: answers: malformed pattern (missing ']')
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  answers = { { "^TI[ME", "12:00\n" } },
  commands = { { name = "A", send = "A {target}\n" } },
}
return family
