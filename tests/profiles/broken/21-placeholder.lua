-- wants 7: nothing is known of {prot}
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A {target} {port}" },
    { name = "B", send = "B {target} {prot}" },
  },
}
return family
