-- wants 6: nothing is known of {sessoin}
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  commands = {
    { name = "A", send = "A {target} {session}\n", stop = "STOP {sessoin}\n", session = 7 },
  },
}
return family
