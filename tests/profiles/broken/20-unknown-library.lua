-- wants 2: no library 'scenrio' in lua-profiles/lib
local scenario = require "scenrio"
local family = scenario.family { name = "x", commands = { { name = "a", send = "b" } } }
return family
