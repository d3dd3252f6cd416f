-- wants 5: keepalive has no field 'evry' (did you mean 'every'?)
local scenario = require "scenario"
local family = scenario.family {
  name = "x",
  keepalive = { send = "PING\n", evry = 20 },
  commands = { { name = "A", send = "A {target}" } },
}
return family
